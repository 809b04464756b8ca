"""The project's Celery tasks: every module here is discovered, and its tasks can be scheduled; runs in the workers."""
