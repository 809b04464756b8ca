"""Keeps django-apscheduler's execution table in step with the runs, in its own words; called by `runs` alone."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django_apscheduler.models import DjangoJobExecution

from .db import execute
from .models import State, TaskRun
from .texts import LIBRARY_EXCEPTION_CHARS, clean, clean_end

TABLE = DjangoJobExecution._meta.db_table

STATUS = {
    State.PENDING: DjangoJobExecution.SENT,
    State.QUEUED: DjangoJobExecution.SENT,
    State.RUNNING: DjangoJobExecution.SENT,
    State.RETRYING: DjangoJobExecution.SENT,
    State.SUCCESS: DjangoJobExecution.SUCCESS,
    State.MISSED: DjangoJobExecution.MISSED,
    State.SKIPPED: DjangoJobExecution.MAX_INSTANCES,
    State.FAILURE: DjangoJobExecution.ERROR,
    State.TIMEOUT: DjangoJobExecution.ERROR,
    State.LOST: DjangoJobExecution.ERROR,
    State.CANCELLED: DjangoJobExecution.ERROR,
    State.EXPIRED: DjangoJobExecution.ERROR,
}


BORN_WITH = ("status", "finished", "duration", "exception")
"""The columns of an execution row that a new run fills, beside its job and its time."""


def birth(run: TaskRun) -> dict[str, Any]:
    """Return what a new run's execution row says, by column."""
    if run.finished_at is None:
        return {"status": STATUS[State(run.state)], "finished": None, "duration": None, "exception": None}
    return {
        "status": STATUS[State(run.state)],
        "finished": Decimal(str(round(run.finished_at.timestamp(), 2))),
        "duration": Decimal(0),
        "exception": clean(run.reason, LIBRARY_EXCEPTION_CHARS),
    }


def row_for(run: TaskRun) -> DjangoJobExecution:
    """Return the unsaved execution row of a new run."""
    return DjangoJobExecution(job_id=run.job_id, run_time=run.scheduled_at, **birth(run))


def write_outcome(
    connection: BaseDatabaseWrapper,
    execution_id: int | None,
    state: State,
    *,
    started_at: datetime | None,
    finished_at: datetime,
    text: str,
    traceback: str,
) -> None:
    """Write a run's end into its execution row, in the transaction that `connection` is in.

    `duration` is what the worker spent (the library measures from the scheduled time instead); a lost run has none, for
    it ended before that was found out.
    """
    if execution_id is None:
        return
    seconds = (finished_at - started_at).total_seconds() if started_at else 0.0
    duration = None if state == State.LOST else round(max(seconds, 0.0), 2)
    execute(
        connection,
        f"UPDATE {TABLE} SET status = %s, finished = %s, exception = %s, traceback = %s, duration = %s WHERE id = %s",
        [*_said(state, finished_at, text, traceback), duration, execution_id],
    )


def noting(state: State, *, finished_at: datetime, text: str, traceback: str) -> tuple[str, list[Any]]:
    """Return what `write_outcome` does, as a statement about what `ended`, a table of a query that it is a part of."""
    seconds = "greatest(extract(epoch FROM %s::timestamptz - ended.started_at), 0)"
    return (
        f"UPDATE {TABLE} AS noted SET status = %s, finished = %s, exception = %s, traceback = %s,"
        f" duration = CASE WHEN %s THEN NULL ELSE coalesce(round({seconds}::numeric, 2), 0) END"
        " FROM ended WHERE noted.id = ended.execution_id",
        [*_said(state, finished_at, text, traceback), state == State.LOST, finished_at],
    )


def _said(state: State, finished_at: datetime, text: str, traceback: str) -> list[Any]:
    return [
        STATUS[state],
        round(finished_at.timestamp(), 2),
        clean(text, LIBRARY_EXCEPTION_CHARS) or None,
        clean_end(traceback, LIBRARY_EXCEPTION_CHARS * 64) or None,
    ]
