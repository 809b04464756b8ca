"""The example project: settings, addresses and the Celery app. Loading it makes the app the current one."""

from .celery import app as celery_app

__all__ = ["celery_app"]
