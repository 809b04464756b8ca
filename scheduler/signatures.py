"""How the positional parameters of tasks are called, also of tasks whose code only workers have; all processes.

Workers announce the names with their heartbeat, so that a process without the code knows which arguments are secret.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from celery import current_app
from django.db import DEFAULT_DB_ALIAS, Error, connections

from .known_tasks import registered_tasks

NEWEST = 20
"""Workers whose announcements are read: those heard of last, alive or not."""
SECONDS = 10.0
"""For so long it is remembered what they have announced."""


def parameter_names(task: str, count: int) -> list[str]:
    """Return the names of a task's first `count` positional arguments; empty ones where nobody knows."""
    known = current_app.tasks.get(task)
    if known is None:
        known = registered_tasks().get(task)
    names = _names(known.run) if known is not None else _announced.get(task)
    rest = [name[1:] for name in names if name.startswith("*")]
    found = [name for name in names if not name.startswith("*")]
    return [*found[:count], *[rest[0] if rest else ""] * (count - len(found))]


def announcement(tasks: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return what a worker says of its tasks: by name, the names of the positional parameters, `*args` last."""
    ours = sorted((name, task) for name, task in tasks.items() if not name.startswith("celery."))
    return {name: list(_names(task.run)) for name, task in ours}


@lru_cache(maxsize=1024)
def _names(function: Callable[..., Any]) -> tuple[str, ...]:
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C
        return ()
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [each.name for each in parameters if each.kind in positional]
    return (*names, *(f"*{each.name}" for each in parameters if each.kind is inspect.Parameter.VAR_POSITIONAL))


class Announced:
    """What workers have announced, read at most every `SECONDS`: lists of runs ask for each of many."""

    def __init__(self) -> None:
        self._names: dict[str, list[str]] = {}
        self._asked_at = float("-inf")

    def get(self, task: str) -> list[str]:
        """Return the names of a task's positional parameters; none where no worker has announced any."""
        if time.monotonic() - self._asked_at > SECONDS:
            self._ask()
        return self._names.get(task, [])

    def _ask(self) -> None:
        from . import reach
        from .models import ServiceProcess

        self._asked_at = time.monotonic()
        try:  # within limits: the thread that publishes asks as well, and must not hang
            with reach.limited(connections[DEFAULT_DB_ALIAS], keeps_limits=False):
                workers = ServiceProcess.objects.filter(kind=ServiceProcess.Kind.WORKER).order_by("-heartbeat_at")
                told = list(workers.values_list("tasks", flat=True)[:NEWEST])
        except Error:  # in an outage it knows what it knew
            return
        self._names = {
            name: names for tasks in reversed(told) if isinstance(tasks, dict) for name, names in tasks.items()
        }


_announced = Announced()
