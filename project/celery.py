"""The project's Celery app; loaded in all processes, for schedulers and web need it to send."""

from __future__ import annotations

import importlib
import os
import pkgutil
from typing import Any

from celery import Celery, signals

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("project", task_cls="scheduler.worker:TrackedTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@signals.import_modules.connect
def import_every_module_of_tasks(**_: Any) -> None:
    """Load `tasks/` when Celery loads tasks. A module that can't be loaded costs only its own tasks."""
    import tasks
    from scheduler.known_tasks import note_unloaded  # not before Django's apps are loaded

    def ignore(package: str) -> None:
        """Leave a package that can't be imported to the loop below, which meets it again."""

    for module in sorted(module.name for module in pkgutil.walk_packages(tasks.__path__, "tasks.", onerror=ignore)):
        try:
            importlib.import_module(module)
        except Exception as error:
            note_unloaded(module, error)
