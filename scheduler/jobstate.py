"""The state that APScheduler stores of a job: written as its own tools read it, read back without executing any of it.

All processes.
"""

from __future__ import annotations

import io
import pickle
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger

from .exceptions import RestoreError
from .models import CatchUp, ScheduledTask

ENQUEUE = "scheduler.jobs:enqueue"
KNOWN_MODULES = ("apscheduler.triggers.", "scheduler.triggers.")
KNOWN_GLOBALS = {
    ("datetime", "datetime"),
    ("datetime", "date"),
    ("datetime", "time"),
    ("datetime", "timedelta"),
    ("datetime", "timezone"),
    ("zoneinfo", "ZoneInfo"),
}


def _zone_unpickler(owner: Any, name: str) -> Any:
    """Stand in for the `getattr(ZoneInfo, "_unpickle")` that a pickled zone consists of, and for no other getattr."""
    if owner is ZoneInfo and name == "_unpickle":
        return ZoneInfo._unpickle  # type: ignore[attr-defined]
    raise RestoreError(f"Its stored state asks for {name!r} of {owner!r}, which no trigger needs")


def _check_references(state: Any) -> None:
    """Refuse a combined trigger whose parts are of any class but a trigger's: APScheduler would import and make it."""
    for reference, part in state["triggers"]:
        if not str(reference).startswith(KNOWN_MODULES):
            raise RestoreError(f"Its stored state names {reference}, which no trigger needs")
        if isinstance(part, dict) and "triggers" in part:
            _check_references(part)


def _restored(trigger: type[AndTrigger] | type[OrTrigger]) -> type[BaseTrigger]:
    """Return what a combined trigger of APScheduler's is restored as: itself, once its parts were looked at."""

    class Restored(trigger):  # type: ignore[misc, valid-type]
        __slots__ = ()

        def __setstate__(self, state: Any) -> None:
            _check_references(state)
            super().__setstate__(state)
            self.__class__ = trigger

    return Restored


RESTORED_AS = {
    ("apscheduler.triggers.combining", trigger.__name__): _restored(trigger) for trigger in (AndTrigger, OrTrigger)
}


class _Restorer(pickle.Unpickler):
    """Knows triggers, dates and zones, and nothing else: a stored job can't name a class that does harm."""

    def find_class(self, module: str, name: str) -> Any:
        return _known(module, name)


@lru_cache(maxsize=100)
def _known(module: str, name: str) -> Any:
    """Return the class or function that a stored state names. :raises RestoreError: if no trigger needs it"""
    if (module, name) == ("builtins", "getattr"):
        return _zone_unpickler
    if (module, name) in RESTORED_AS:
        return RESTORED_AS[module, name]
    if (module, name) in KNOWN_GLOBALS:
        return getattr(import_module(module), name)
    if module.startswith(KNOWN_MODULES) and name.isidentifier():
        found = getattr(import_module(module), name)
        # A module's imports are attributes of it too; only classes that it defines itself are let through.
        if isinstance(found, type) and found.__module__.startswith(KNOWN_MODULES):
            return found
    raise RestoreError(f"Its stored state names {module}.{name}, which no trigger needs")


def dump_state(job: ScheduledTask, trigger: BaseTrigger, next_run_time: datetime | None) -> bytes:
    """Return the job state to store: APScheduler's own shape, so that its tools can read it."""
    return pickle.dumps(
        {
            "version": 1,
            "id": job.id,
            "func": ENQUEUE,
            "trigger": trigger,
            "executor": "default",
            "args": (job.id,),
            "kwargs": {},
            "name": job.name or job.id,
            "misfire_grace_time": job.misfire_grace_time,
            "coalesce": job.catch_up != CatchUp.ALL,
            "max_instances": job.max_instances,
            "next_run_time": next_run_time,
        },
        pickle.HIGHEST_PROTOCOL,
    )


@lru_cache(maxsize=20_000)
def load_state(state: bytes) -> dict[str, Any]:
    """Read a stored job state back.

    :raises RestoreError: if it is damaged, is not a job of ours, or names anything but triggers, dates and zones
    """
    try:
        restored = _Restorer(io.BytesIO(state)).load()
    except RestoreError:
        raise
    except Exception as error:
        raise RestoreError(f"Its stored state can't be read: {type(error).__name__}: {error}") from None
    if not isinstance(restored, dict) or not isinstance(restored.get("trigger"), BaseTrigger):
        raise RestoreError("Its stored state is not that of a job")
    if restored.get("func") != ENQUEUE:
        raise RestoreError(
            f"It was stored by another program and calls {str(restored.get('func'))[:200]!r}."
            " Make that function a Celery task and add the job with scheduler.add_job"
        )
    return restored


def load_trigger(state: bytes | memoryview) -> BaseTrigger:
    """Return the trigger of a stored job. :raises RestoreError: as `load_state`"""
    trigger: BaseTrigger = load_state(bytes(state))["trigger"]
    return trigger
