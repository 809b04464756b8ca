"""How attempts and runs end, in both tables: once, whoever tells; worker, engine and pages."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from .. import clock, conf, executions
from ..db import execute, write_transaction
from ..models import State, TaskRun
from ..prepared import execute_prepared
from ..texts import EXCEPTION_CHARS, clean, clean_end, to_json
from .logs import Piece, append
from .statements import TABLE, adapter, and_this_attempt, aware, guard

REASON_KEPT = 500
"""Characters of the reason that an earlier attempt is remembered with."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `result` and `progress` are JSON texts, ready for the database; `log` is the log's rest."""

    state: State
    reason: str = ""
    result: str | None = None
    exception: str = ""
    traceback: str = ""
    progress: str | None = None
    retry_at: datetime | None = None
    retry_args: list[Any] | None = None
    retry_kwargs: dict[str, Any] | None = None
    own_retry: bool = True
    log: tuple[Piece, ...] = ()
    ended_at: datetime = field(default_factory=clock.now)


def finish(connection: BaseDatabaseWrapper, run_id: str, attempt: int, outcome: Outcome) -> bool:
    """Write how a running attempt ended, in both tables; False where the run is no longer in this attempt."""
    if outcome.state == State.RETRYING:
        return _plan_retry(connection, run_id, attempt, outcome)
    return end(connection, run_id, outcome, states=(State.RUNNING,), attempt=attempt)


def end(
    connection: BaseDatabaseWrapper,
    run_id: str,
    outcome: Outcome,
    *,
    states: Sequence[State],
    attempt: int | None = None,
    process: uuid.UUID | None = None,
) -> bool:
    """Bring a run that is in one of `states` (and in this attempt, on this process) to its terminal state.

    A cancelled run without a reason keeps the one that whoever cancelled it has left.
    """
    adapt = adapter(connection)
    condition, values = guard(adapt, run_id, states, attempt, process)
    traceback = clean_end(outcome.traceback, conf.get("MAX_TRACEBACK_CHARS"))
    exception = clean(outcome.exception, EXCEPTION_CHARS)
    reason = clean(outcome.reason, EXCEPTION_CHARS)
    keeps_reason = outcome.state == State.CANCELLED and not reason
    ending = (
        f"UPDATE {TABLE} SET state = %s, reason = CASE WHEN %s THEN reason ELSE %s END, finished_at = %s,"
        " result = %s, exception = %s, traceback = %s, progress = COALESCE(%s, progress), publish_at = NULL,"
        f" waiting = %s WHERE {condition} RETURNING execution_id, started_at, reason"
    )
    values = [
        outcome.state, keeps_reason, reason, adapt(outcome.ended_at), outcome.result, exception, traceback,
        outcome.progress, False, *values,
    ]  # fmt: skip
    if connection.vendor == "postgresql" and not keeps_reason and not outcome.log:
        return _end_at_once(connection, ending, values, outcome, reason or exception, traceback)
    with write_transaction(connection):
        if attempt is not None:
            append(connection, run_id, attempt, outcome.log)
        rows = execute(connection, ending, values)
        for execution_id, started_at, told in rows:
            executions.write_outcome(
                connection,
                execution_id,
                outcome.state,
                started_at=aware(started_at),
                finished_at=outcome.ended_at,
                text=told or exception,
                traceback=traceback,
            )
    return bool(rows)


def _end_at_once(
    connection: BaseDatabaseWrapper, ending: str, values: list[Any], outcome: Outcome, text: str, traceback: str
) -> bool:
    """Write both tables with one statement, which is one trip to the database in place of four."""
    noting, more = executions.noting(outcome.state, finished_at=outcome.ended_at, text=text, traceback=traceback)
    sql = f"WITH ended AS ({ending}), noted AS ({noting}) SELECT 1 FROM ended"
    return bool(execute_prepared(connection, sql, [*values, *more]))


def _plan_retry(connection: BaseDatabaseWrapper, run_id: str, attempt: int, outcome: Outcome) -> bool:
    adapt = adapter(connection)
    changes, values = "", []
    if outcome.retry_args is not None:
        changes += ", args = %s"
        values.append(to_json(outcome.retry_args, conf.get("MAX_ARGUMENT_BYTES")))
    if outcome.retry_kwargs is not None:
        changes += ", kwargs = %s"
        values.append(to_json(outcome.retry_kwargs, conf.get("MAX_ARGUMENT_BYTES")))
    with write_transaction(connection):
        append(connection, run_id, attempt, outcome.log)
        rows = execute(
            connection,
            f"UPDATE {TABLE} SET state = %s, reason = %s, exception = %s, traceback = %s, attempt = attempt + 1,"
            f" earlier_attempts = {and_this_attempt(connection)},"
            f" retries = retries + %s, publish_at = %s, queued_at = NULL, pid = NULL{changes}"
            " WHERE id = %s AND state = %s AND attempt = %s RETURNING id",
            [
                State.RETRYING, clean(outcome.reason, EXCEPTION_CHARS), clean(outcome.exception, EXCEPTION_CHARS),
                clean_end(outcome.traceback, conf.get("MAX_TRACEBACK_CHARS")),
                outcome.ended_at.isoformat(), clean(outcome.reason, REASON_KEPT), int(outcome.own_retry),
                adapt(outcome.retry_at or outcome.ended_at), *values, adapt(run_id), State.RUNNING, attempt,
            ],
        )  # fmt: skip
    return bool(rows)


def lose(connection: BaseDatabaseWrapper, run: TaskRun, reason: str) -> bool:
    """Give up on a running attempt whose process died: a new attempt where the job wants one, else `lost`."""
    if run.cancel_requested_at is not None:
        outcome = Outcome(State.CANCELLED, f"Cancelled by {run.cancel_requested_by}; {reason}")
    elif run.options.get("on_lost") == "retry" and run.attempt < conf.get("MAX_ATTEMPTS"):
        outcome = Outcome(State.RETRYING, f"{reason}; it runs again", own_retry=False)
    elif run.options.get("on_lost") == "retry":
        outcome = Outcome(State.LOST, f"{reason}, in the last of {run.attempt} attempts")
    else:
        outcome = Outcome(State.LOST, reason)
    return finish(connection, str(run.id), run.attempt, outcome)
