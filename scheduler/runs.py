"""The state machine of runs, and the only writer of executions: from the engine, the workers and the pages.

Each transition is one UPDATE guarded by the states (and the attempt) that it may come from. The row count tells
whether it happened; a guard that doesn't hold is an answer, not an error. docs/lifecycle.md has the whole picture.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django_apscheduler.models import DjangoJobExecution

from . import clock, conf, executions
from .db import execute, write_transaction
from .exceptions import JobNotFound, NotAllowed, RunNotFound
from .models import LIVE, UNPUBLISHED, ScheduledTask, State, TaskRun
from .texts import EXCEPTION_CHARS, clean, clean_end, to_json

TABLE = TaskRun._meta.db_table
FIRING_NAMESPACE = uuid.UUID("7c1f1f0e-5f0b-5a53-9a86-6d1c0f3a9d54")
NOT_STARTED = (State.PENDING, State.QUEUED, State.RETRYING)


def firing_id(job_id: str, scheduled_at: datetime) -> uuid.UUID:
    """Return the id of a scheduled firing: the same job and instant always give the same id (RFC 9562, version 5)."""
    return uuid.uuid5(FIRING_NAMESPACE, f"{job_id}\n{scheduled_at.astimezone(UTC).isoformat()}")


def new_run(
    job: ScheduledTask,
    scheduled_at: datetime,
    *,
    now: datetime,
    state: State = State.PENDING,
    waiting: bool = False,
    reason: str = "",
    run_id: uuid.UUID | None = None,
    args: list[Any] | None = None,
    kwargs: dict[str, Any] | None = None,
    requested_by: str = "schedule",
    note: str = "",
) -> TaskRun:
    """Return an unsaved run of `job`, carrying what it needs to be published and recovered without the job's row."""
    options = {name: getattr(job, name) for name in ("priority", "time_limit", "soft_time_limit")}
    options = {name: value for name, value in options.items() if value is not None}
    if job.on_lost != "fail":
        options["on_lost"] = job.on_lost
    ended = state not in LIVE
    return TaskRun(
        id=run_id or firing_id(job.id, scheduled_at),
        job_id=job.id,
        task=job.task,
        args=job.args if args is None else args,
        kwargs=job.kwargs if kwargs is None else kwargs,
        queue=job.queue,
        options=options,
        requested_by=requested_by,
        note=note,
        state=state,
        reason=reason,
        waiting=waiting,
        scheduled_at=scheduled_at,
        created_at=now,
        finished_at=now if ended else None,
        publish_at=None if ended or waiting else now + timedelta(seconds=conf.get("REPUBLISH_AFTER")),
        expires_at=now + timedelta(seconds=job.expires) if job.expires and not ended else None,
    )


def insert(new: Sequence[TaskRun]) -> list[TaskRun]:
    """Write new runs with their execution rows, inside the caller's transaction; return those that were not there yet.

    A firing that has its run already (its job was moved back in time) is left as it is.
    """
    if not new:
        return []
    try:
        with transaction.atomic():
            rows = DjangoJobExecution.objects.bulk_create([executions.row_for(run) for run in new])
            for run, row in zip(new, rows, strict=True):
                run.execution = row
            TaskRun.objects.bulk_create(new)
        return list(new)
    except IntegrityError:
        return [run for run in new if _insert_one(run)]


def _insert_one(run: TaskRun) -> bool:
    if TaskRun.objects.filter(id=run.id).exists():
        return False
    row = executions.row_for(run)
    run.execution, _ = DjangoJobExecution.objects.update_or_create(
        job_id=run.job_id,
        run_time=run.scheduled_at,
        defaults={name: getattr(row, name) for name in ("status", "duration", "finished", "exception")},
    )
    run.save(force_insert=True)
    return True


# -- on the way to the worker ------------------------------------------------------------------------------------------


def take_unpublished(now: datetime, limit: int) -> list[TaskRun]:
    """Take up to `limit` runs that are due for the broker, and hold other schedulers off them for a while."""
    with write_transaction() as connection:
        due = TaskRun.objects.filter(state__in=UNPUBLISHED, waiting=False, publish_at__lte=now)
        runs = list(
            due.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).order_by(
                "publish_at"
            )[:limit]
        )
        lease = now + timedelta(seconds=conf.get("REPUBLISH_AFTER"))
        TaskRun.objects.filter(id__in=[run.id for run in runs]).update(publish_at=lease)
    return runs


def mark_queued(runs: Iterable[TaskRun], *, at: datetime) -> None:
    """Note that the broker has the messages of `runs`; those that a worker has claimed meanwhile stay as they are.

    :param at: an instant before the first was sent, for a worker may have one before this is written
    """
    skip_locked = connections[DEFAULT_DB_ALIAS].features.has_select_for_update_skip_locked
    for attempt in {run.attempt for run in runs}:
        ids = [run.id for run in runs if run.attempt == attempt]
        sent = TaskRun.objects.filter(id__in=ids, state__in=UNPUBLISHED, attempt=attempt)
        if skip_locked:  # whoever holds a row of the batch must not hold up the rest: that run is just sent again
            sent = TaskRun.objects.filter(id__in=sent.select_for_update(skip_locked=True).values("id"))
        with transaction.atomic():
            sent.update(state=State.QUEUED, queued_at=at, publish_at=None)


def republish(ids: Iterable[uuid.UUID], *, queued_before: datetime) -> int:
    """Plan queued runs whose messages the broker lost for publishing again; return how many."""
    return TaskRun.objects.filter(id__in=ids, state=State.QUEUED, queued_at__lt=queued_before).update(
        state=State.PENDING, publish_at=clock.now()
    )


def refuse(run: TaskRun, outcome: Outcome) -> bool:
    """End a run that never got to a worker: its message can't be sent, or nothing knows its task."""
    return end(connections[DEFAULT_DB_ALIAS], str(run.id), outcome, states=NOT_STARTED, attempt=run.attempt)


# -- in the worker -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """What the database says that a claimed attempt is to execute."""

    job_id: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended. `result` and `progress` are JSON texts, ready for the database."""

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
    ended_at: datetime = field(default_factory=clock.now)


def claim(
    connection: BaseDatabaseWrapper,
    run_id: str,
    attempt: int,
    task: str,
    *,
    worker: str,
    process: uuid.UUID | None,
    pid: int,
    now: datetime,
) -> Claim | None:
    """Claim an attempt for this worker process before its body; None means that the body must not run.

    That is so for a duplicate, a run that has ended or waits, another attempt, and a message that names another task
    than the run does. What comes back, not what the message says, is executed.
    """
    adapt = _adapter(connection)
    earlier = "LEAST" if connection.vendor == "postgresql" else "MIN"  # times move forward, also between two clocks
    rows = execute(
        connection,
        f"UPDATE {TABLE} SET state = %s, started_at = %s, queued_at = {earlier}(COALESCE(queued_at, %s), %s),"
        " publish_at = NULL, worker = %s, process = %s, pid = %s"
        f" WHERE id = %s AND attempt = %s AND task = %s AND state IN ({_marks(NOT_STARTED)}) AND waiting = %s"
        " AND (expires_at IS NULL OR expires_at > %s) RETURNING job_id, args, kwargs, options",
        [
            State.RUNNING, adapt(now), adapt(now), adapt(now), worker, process and adapt(process), pid,
            adapt(run_id), attempt, task, *NOT_STARTED, False, adapt(now),
        ],
    )  # fmt: skip
    return _claimed(rows)


def claimed_before(
    connection: BaseDatabaseWrapper, run_id: str, attempt: int, *, process: uuid.UUID, pid: int, now: datetime
) -> Claim | None:
    """Return the claim that this very caller made at `now`, where an outage swallowed the database's answer to it."""
    adapt = _adapter(connection)
    return _claimed(
        execute(
            connection,
            f"SELECT job_id, args, kwargs, options FROM {TABLE}"
            " WHERE id = %s AND attempt = %s AND state = %s AND process = %s AND pid = %s AND started_at = %s",
            [adapt(run_id), attempt, State.RUNNING, adapt(process), pid, adapt(now)],
        )
    )


def _claimed(rows: list[Any]) -> Claim | None:
    if not rows:
        return None
    job_id, *documents = rows[0]
    args, kwargs, options = (json.loads(d) if isinstance(d, str) else d for d in documents)
    return Claim(job_id, args, kwargs, options)


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
    adapt = _adapter(connection)
    guard, values = _guard(adapt, run_id, states, attempt, process)
    traceback = clean_end(outcome.traceback, conf.get("MAX_TRACEBACK_CHARS"))
    exception = clean(outcome.exception, EXCEPTION_CHARS)
    reason = clean(outcome.reason, EXCEPTION_CHARS)
    with write_transaction(connection):
        rows = execute(
            connection,
            f"UPDATE {TABLE} SET state = %s, reason = CASE WHEN %s THEN reason ELSE %s END, finished_at = %s,"
            " result = %s, exception = %s, traceback = %s, progress = COALESCE(%s, progress), publish_at = NULL,"
            " waiting = %s"
            f" WHERE {guard} RETURNING execution_id, started_at, reason",
            [
                outcome.state, outcome.state == State.CANCELLED and not reason, reason, adapt(outcome.ended_at),
                outcome.result, exception, traceback, outcome.progress, False, *values,
            ],
        )  # fmt: skip
        for execution_id, started_at, told in rows:
            executions.write_outcome(
                connection,
                execution_id,
                outcome.state,
                started_at=_aware(started_at),
                finished_at=outcome.ended_at,
                text=told or exception,
                traceback=traceback,
            )
    return bool(rows)


def _plan_retry(connection: BaseDatabaseWrapper, run_id: str, attempt: int, outcome: Outcome) -> bool:
    adapt = _adapter(connection)
    changes, values = "", []
    if outcome.retry_args is not None:
        changes += ", args = %s"
        values.append(to_json(outcome.retry_args, conf.get("MAX_ARGUMENT_BYTES")))
    if outcome.retry_kwargs is not None:
        changes += ", kwargs = %s"
        values.append(to_json(outcome.retry_kwargs, conf.get("MAX_ARGUMENT_BYTES")))
    rows = execute(
        connection,
        f"UPDATE {TABLE} SET state = %s, reason = %s, exception = %s, traceback = %s, attempt = attempt + 1,"
        f" retries = retries + %s, publish_at = %s, queued_at = NULL, pid = NULL{changes}"
        " WHERE id = %s AND state = %s AND attempt = %s RETURNING id",
        [
            State.RETRYING, clean(outcome.reason, EXCEPTION_CHARS), clean(outcome.exception, EXCEPTION_CHARS),
            clean_end(outcome.traceback, conf.get("MAX_TRACEBACK_CHARS")), int(outcome.own_retry),
            adapt(outcome.retry_at or outcome.ended_at), *values, adapt(run_id), State.RUNNING, attempt,
        ],
    )  # fmt: skip
    return bool(rows)


def report_progress(connection: BaseDatabaseWrapper, run_id: str, attempt: int, progress: str | None) -> bool:
    """Store an attempt's progress; return whether somebody has asked for the run to be cancelled."""
    rows = execute(
        connection,
        f"UPDATE {TABLE} SET progress = COALESCE(%s, progress) WHERE id = %s AND state = %s AND attempt = %s"
        " RETURNING cancel_requested_at",
        [progress, _adapter(connection)(run_id), State.RUNNING, attempt],
    )
    return bool(rows) and rows[0][0] is not None


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


# -- for people --------------------------------------------------------------------------------------------------------


def get(run_id: str | uuid.UUID) -> TaskRun:
    """Return a run. :raises RunNotFound: if there is none of this id"""
    try:
        return TaskRun.objects.get(id=run_id)
    except (TaskRun.DoesNotExist, ValidationError, ValueError):
        raise RunNotFound(run_id) from None


def cancel(run_id: str | uuid.UUID, *, by: str = "", reason: str = "") -> TaskRun:
    """Cancel a run: at once where no worker has started it, else by asking its task to stop.

    A running task learns of it at its next call of `progress()`; after `CANCEL_GRACE` seconds its worker ends it.

    :param by: who asks, for the record
    :param reason: shown with the run in place of "Cancelled by …"
    :raises RunNotFound: if there is none of this id
    :raises NotAllowed: if the run has ended
    """
    run = get(run_id)
    text = reason or f"Cancelled by {by or 'an unnamed caller'}"
    if end(connections[DEFAULT_DB_ALIAS], str(run.id), Outcome(State.CANCELLED, text), states=NOT_STARTED):
        return get(run_id)
    asked = TaskRun.objects.filter(id=run.id, state=State.RUNNING, cancel_requested_at=None)
    asked.update(cancel_requested_at=clock.now(), cancel_requested_by=by, reason=text)
    run.refresh_from_db()
    if not run.is_live:
        raise NotAllowed(f"Run {run.id} can't be cancelled: it has ended already ({run.state}).")
    return run


def retry(run_id: str | uuid.UUID, *, by: str = "") -> TaskRun:
    """Run an ended run's job once more, with the run's arguments; the job's overlap rules apply as to any manual run.

    :param by: who asks, shown with the new run
    :return: the new run
    :raises RunNotFound: if there is none of this id
    :raises NotAllowed: if the run has not ended, or its job is gone
    :raises InvalidInput: if the task is unknown by now, or no longer takes these arguments
    """
    from . import jobs  # which imports this module

    run = get(run_id)
    if run.is_live:
        raise NotAllowed(f"Run {run.id} can't be retried: it has not ended ({run.state}).")
    try:
        return jobs.run_job(run.job_id, args=run.args, kwargs=run.kwargs, by=by, note=f"Retry of {run.id}")
    except JobNotFound:
        raise NotAllowed(f"Run {run.id} can't be retried: its job {run.job_id!r} is gone.") from None


# -- SQL ---------------------------------------------------------------------------------------------------------------


def _guard(
    adapt: Any, run_id: str, states: Sequence[State], attempt: int | None, process: uuid.UUID | None
) -> tuple[str, list[Any]]:
    guard, values = f"id = %s AND state IN ({_marks(states)})", [adapt(run_id), *states]
    if attempt is not None:
        guard, values = guard + " AND attempt = %s", [*values, attempt]
    if process is not None:
        guard, values = guard + " AND process = %s", [*values, adapt(process)]
    return guard, values


def _marks(values: Sequence[Any]) -> str:
    return ", ".join(["%s"] * len(values))


def _adapter(connection: BaseDatabaseWrapper) -> Any:
    """Return what turns ids and instants into the database's own form (SQLite has neither type)."""
    native_uuid = connection.features.has_native_uuid_field

    def adapt(value: Any) -> Any:
        if isinstance(value, datetime):
            return connection.ops.adapt_datetimefield_value(value)
        parsed = value if isinstance(value, uuid.UUID) else uuid.UUID(value)
        return parsed if native_uuid else parsed.hex

    return adapt


def _aware(value: datetime | str | None) -> datetime | None:
    """Return an instant as read by a raw query: SQLite hands out text in UTC."""
    if value is None:
        return None
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)
