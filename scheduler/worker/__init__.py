"""The Celery worker's side. `task_cls="scheduler.worker:TrackedTask"` is all that a Celery app needs to say."""

from . import heartbeat, outcomes
from .tracking import TrackedTask

__all__ = ["TrackedTask", "heartbeat", "outcomes"]
