"""django-apscheduler's job store, made safe: never deletes, claims and advances in bulk.

Used by the engine (claim, advance), and behind APScheduler's own calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django_apscheduler.jobstores import DjangoJobStore
from django_apscheduler.models import DjangoJob

from .db import execute
from .exceptions import RestoreError
from .jobstate import load_state
from .models import ScheduledTask
from .models.made import made

TABLE = DjangoJob._meta.db_table
NOT_PLANNED_BY = ("description", "tags", "declared")
"""What a pass need not know of a job."""
Due = tuple[DjangoJob, ScheduledTask | None]
"""A row of the store, with the job that it is of; a row that another program stored is of none."""


def claim_due(now: datetime, limit: int) -> list[Due]:
    """Claim up to `limit` due jobs, earliest first; call it inside a write transaction, which holds the claim.

    Rows that another scheduler holds are passed over (SKIP LOCKED), so any number of schedulers share the work. In SQL,
    for it stands before every firing, and to have Django build the query takes longer than to run it.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    sql, (rows, tasks) = _due_query(connection.alias)
    found = execute(connection, sql, [connection.ops.adapt_datetimefield_value(now), limit])
    return [_due(connection, rows, tasks, values) for values in found]


def claim_due_rows(now: datetime, limit: int) -> list[DjangoJob]:
    """Claim rows as `claim_due` does, where a job among theirs can't be read."""
    due = DjangoJob.objects.filter(next_run_time__lte=now).order_by("next_run_time")
    if connections[DEFAULT_DB_ALIAS].features.has_select_for_update_skip_locked:
        due = due.select_for_update(skip_locked=True)
    return list(due[:limit])


class _Columns:
    """Columns of a model's table, and what makes Python's values of the database's."""

    def __init__(self, connection: BaseDatabaseWrapper, model: type[Model], without: Sequence[str] = ()) -> None:
        fields = [field for field in model._meta.concrete_fields if field.name not in without]
        columns = [field.get_col(model._meta.db_table) for field in fields]
        self.names = [field.attname for field in fields]
        self.sql = [f'"{model._meta.db_table}"."{field.column}"' for field in fields]
        self.converters = [
            (place, converter, column)
            for place, column in enumerate(columns)
            for converter in (*connection.ops.get_db_converters(column), *column.get_db_converters(connection))
        ]

    def read(self, connection: BaseDatabaseWrapper, values: Sequence[Any]) -> dict[str, Any]:
        read = list(values)
        for place, converter, column in self.converters:
            read[place] = converter(read[place], column, connection)
        return dict(zip(self.names, read, strict=True))


@cache
def _due_query(alias: str) -> tuple[str, tuple[_Columns, _Columns]]:
    connection, jobs = connections[alias], ScheduledTask._meta.db_table
    rows, tasks = _Columns(connection, DjangoJob), _Columns(connection, ScheduledTask, NOT_PLANNED_BY)
    lock = f' FOR UPDATE OF "{TABLE}" SKIP LOCKED' if connection.features.has_select_for_update_skip_locked else ""
    sql = (
        f"SELECT {', '.join([*rows.sql, *tasks.sql])}"
        f' FROM "{TABLE}" LEFT JOIN "{jobs}" ON "{jobs}".job_id = "{TABLE}".id'
        f' WHERE "{TABLE}".next_run_time <= %s ORDER BY "{TABLE}".next_run_time LIMIT %s{lock}'
    )
    return sql, (rows, tasks)


def _due(connection: BaseDatabaseWrapper, rows: _Columns, tasks: _Columns, values: Sequence[Any]) -> Due:
    of_row, of_task = values[: len(rows.names)], values[len(rows.names) :]
    row = made(DjangoJob, rows.read(connection, of_row), stored_in=connection.alias)
    if of_task[tasks.names.index("job_id")] is None:
        return row, None
    task = made(ScheduledTask, tasks.read(connection, of_task), stored_in=connection.alias)
    task.job = row
    return row, task


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
