"""Which tasks there are: those that this process knows, and those that workers have told of; any process."""

from __future__ import annotations

import difflib
import logging
import time
import traceback
from collections.abc import Mapping
from typing import Any

from celery import Task, current_app
from django.core.exceptions import AppRegistryNotReady, ImproperlyConfigured

from .allowed import check_allowed
from .exceptions import InvalidInput, UnknownTask
from .models import ServiceProcess
from .said import said as _

logger = logging.getLogger(__name__)

SHOWN_SIBLINGS = 5

_loaded: set[int] = set()
unloaded: dict[str, str] = {}
"""Task modules that this process could not load, and the error of each on one line."""


def note_unloaded(module: str, error: BaseException) -> None:
    """Tell that a task module can't be loaded; a project whose loading skips such modules calls this for each.

    :param module: its dotted name
    :param error: what importing it raised; its traceback is logged at level DEBUG
    """
    unloaded[module] = " ".join(f"{type(error).__name__}: {error}".split())
    logger.error("%s could not be loaded, its tasks are unknown until it is mended: %s", module, unloaded[module])
    logger.debug("%s could not be loaded", module, exc_info=error)


def _module_that_failed(error: Exception) -> str:
    """Return the name of the outermost module whose import raised `error`, or of what it says it is of."""
    for frame, _line in traceback.walk_tb(error.__traceback__):
        if frame.f_code.co_name == "<module>":
            return str(frame.f_globals["__name__"])
    return str(getattr(error, "name", None) or getattr(error, "filename", None) or "A task module")


def registered_tasks() -> dict[str, Task]:
    """Return the tasks that this process's Celery app knows, by name, Celery's own left out."""
    return {name: task for name, task in _registry().items() if not name.startswith("celery.")}


def _registry() -> Mapping[str, Task]:
    app = current_app._get_current_object()
    if id(app) not in _loaded:
        try:
            app.loader.import_default_modules()
        except (AppRegistryNotReady, ImproperlyConfigured):  # too early, or nothing works
            raise
        except Exception as error:  # Celery's autodiscovery has met a module that can't be loaded
            note_unloaded(_module_that_failed(error), error)
        app.finalize()
        _loaded.add(id(app))
    tasks: Mapping[str, Task] = app.tasks
    return tasks


def reported_tasks() -> set[str]:
    """Return the names of the tasks that workers which have not stopped reported with their heartbeat."""
    lists = ServiceProcess.objects.filter(kind=ServiceProcess.Kind.WORKER, stopped_at=None).values_list("tasks")
    return {name for (names,) in lists for name in names}


def is_known(name: str) -> bool:
    """Tell whether a task of this name is registered here or on a worker."""
    return name in registered_tasks() or name.startswith("celery.") or name in reported_tasks()


class KnownTasks:
    """Remembers for a few seconds which tasks are known, for a loop that asks for each of many jobs."""

    SECONDS = 5.0

    def __init__(self) -> None:
        self._reported: set[str] = set()
        self._asked_at = float("-inf")

    def __contains__(self, name: str) -> bool:
        if name in _registry() or name.startswith("celery."):
            return True
        if name not in self._reported and time.monotonic() - self._asked_at > self.SECONDS:
            self._reported, self._asked_at = reported_tasks(), time.monotonic()
        return name in self._reported


def task_name(task: Any) -> str:
    """Return the name of the task that `add_job` was given: a Celery task, its name, or a dotted path to it.

    :raises UnknownTask: if nothing of that name is known
    :raises InvalidInput: if it is a plain function or anything else that Celery can't run by name, or a task that may
        not be scheduled
    """
    name = _name_of(task)
    check_allowed(name)
    return name


def _name_of(task: Any) -> str:
    name = getattr(task, "name", None)
    if isinstance(task, Task) or (name and hasattr(task, "apply_async")):
        return str(name)
    if isinstance(task, str):
        if is_known(task):
            return task
        dotted = task.replace(":", ".")
        if is_known(dotted):
            return dotted
        raise UnknownTask("task", task, _("is not a registered Celery task"), _mend_of_unknown(dotted))
    if callable(task):
        shown = f"{getattr(task, '__module__', '')}.{getattr(task, '__qualname__', task)}"
        raise InvalidInput(
            "task", shown, _("is a plain function, which would run inside the scheduler"),
            _("Put @shared_task (from celery) above it."),
        )  # fmt: skip
    raise InvalidInput("task", task, _("is not a Celery task"), _("Pass the task or its name."))


def _mend_of_unknown(name: str) -> str:
    """Say what to write or do in place of the unknown task `name`."""
    names = sorted({*registered_tasks(), *reported_tasks()})
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.8)
    if near:
        return _("Did you mean %(near)r?", near=near[0])
    module = name.rpartition(".")[0]
    if module in unloaded:
        return _("Its module could not be loaded: %(error)s.", error=unloaded[module])
    siblings = [other for other in names if module and other.rpartition(".")[0] == module]
    if siblings:
        shown = siblings[:SHOWN_SIBLINGS] + ["…"] * (len(siblings) > SHOWN_SIBLINGS)
        return _("%(module)s has %(tasks)s.", module=module, tasks=", ".join(shown))
    return _("Is its module imported? Celery loads the module `tasks` of each installed app, and CELERY_IMPORTS.")
