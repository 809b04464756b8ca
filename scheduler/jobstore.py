"""django-apscheduler's job store, made safe: never deletes, claims and advances in bulk.

Used by the engine (claim, advance), and behind APScheduler's own calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from django.db import DEFAULT_DB_ALIAS, connections
from django_apscheduler.jobstores import DjangoJobStore
from django_apscheduler.models import DjangoJob

from .exceptions import RestoreError
from .jobstate import load_state

TABLE = DjangoJob._meta.db_table
NOT_PLANNED_BY = ("description", "tags", "declared")
"""What a pass need not know of a job."""


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
