"""The peer: stock django-apscheduler with a job function that sends a Celery task, as its users write it.

The same scenarios must fail here, or the harness could not fail at all.
"""
