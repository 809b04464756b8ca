"""django-apscheduler's job store, made safe: restores without executing, never deletes, claims and advances in bulk.

Used by the engine (claim, advance), by `jobs.py` (store, restore) and by APScheduler's own calls.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from django.db import DEFAULT_DB_ALIAS, connections
from django_apscheduler.jobstores import DjangoJobStore
from django_apscheduler.models import DjangoJob

from .exceptions import RestoreError
from .models import CatchUp, ScheduledTask

ENQUEUE = "scheduler.jobs:enqueue"
TABLE = DjangoJob._meta.db_table
NOT_PLANNED_BY = ("description", "tags", "declared")
"""What a pass need not know of a job."""
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


class _RestoredAnd(AndTrigger):
    """What APScheduler's AND trigger is restored as."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _check_references(state)
        super().__setstate__(state)
        self.__class__ = AndTrigger


class _RestoredOr(OrTrigger):
    """What APScheduler's OR trigger is restored as."""

    __slots__ = ()

    def __setstate__(self, state: Any) -> None:
        _check_references(state)
        super().__setstate__(state)
        self.__class__ = OrTrigger


RESTORED_AS = {
    ("apscheduler.triggers.combining", "AndTrigger"): _RestoredAnd,
    ("apscheduler.triggers.combining", "OrTrigger"): _RestoredOr,
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


def claim_due(now: datetime, limit: int, *, with_tasks: bool = True) -> list[DjangoJob]:
    """Claim up to `limit` due jobs, earliest first; call it inside a write transaction, which holds the claim.

    Rows that another scheduler holds are passed over (SKIP LOCKED), so any number of schedulers share the work.

    :param with_tasks: whether to read their scheduled tasks, where they have one, with the same query
    """
    due = DjangoJob.objects.filter(next_run_time__lte=now).order_by("next_run_time")
    if connections[DEFAULT_DB_ALIAS].features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True, of=("self",))
    if with_tasks:
        due = due.select_related("scheduled_task").defer(*[f"scheduled_task__{name}" for name in NOT_PLANNED_BY])
    return list(due[:limit])


def advance(moves: Sequence[tuple[str, datetime | None]]) -> None:
    """Move jobs to their next run times, in one statement where the database can. The column is the one authority."""
    if not moves:
        return
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(
                f"UPDATE {TABLE} AS job SET next_run_time = move.at"
                " FROM unnest(%s::text[], %s::timestamptz[]) AS move(id, at) WHERE job.id = move.id",
                [[job_id for job_id, _ in moves], [at for _, at in moves]],
            )
        else:
            adapt = connection.ops.adapt_datetimefield_value
            cursor.executemany(
                f"UPDATE {TABLE} SET next_run_time = %s WHERE id = %s", [(adapt(at), job_id) for job_id, at in moves]
            )


def next_due() -> datetime | None:
    """Return the earliest next run time of all jobs."""
    scheduled = DjangoJob.objects.filter(next_run_time__isnull=False).order_by("next_run_time")
    earliest: datetime | None = scheduled.values_list("next_run_time", flat=True).first()
    return earliest


class TickworkJobStore(DjangoJobStore):
    """The store behind APScheduler's own calls. Reads as the library does, restores safely, and deletes nothing."""

    def start(self, scheduler: Any, alias: str) -> None:
        # Past DjangoResultStoreMixin.start, whose listeners would write the execution table as well.
        BaseJobStore.start(self, scheduler, alias)

    def shutdown(self) -> None:
        pass  # the library closes the caller's database connection here

    def _reconstitute_job(self, job_state: bytes) -> Job:
        state = load_state(bytes(job_state))
        job: Job = Job.__new__(Job)
        job.__setstate__(state)
        job._scheduler, job._jobstore_alias = self._scheduler, self._alias
        return job

    def _get_jobs(self, **filters: Any) -> list[Job]:
        rows: Iterable[DjangoJob] = DjangoJob.objects.filter(**filters, scheduled_task__removed_at=None)
        jobs = []
        for row in rows:
            try:
                job = self._reconstitute_job(row.job_state)
            except RestoreError as error:
                self._logger.warning("Job %s can't be restored and is left as it is: %s", row.id, error)
                continue
            job.next_run_time = row.next_run_time and row.next_run_time.astimezone(self._scheduler.timezone)
            jobs.append(job)
        return jobs

    def lookup_job(self, job_id: str) -> Job | None:
        return next(iter(self._get_jobs(id=job_id)), None)
