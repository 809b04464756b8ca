"""The parts of SQL that the transitions share."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import QuerySet

from ..db import execute
from ..models import LIVE, State, TaskRun

TABLE = TaskRun._meta.db_table
NOT_STARTED = (State.PENDING, State.QUEUED, State.RETRYING)
ATTEMPTS_KEPT = 20
"""How many of a run's earlier attempts its row tells of: a task may be retried for ever."""

_SO_FAR = "COALESCE(earlier_attempts, '[]')"
_ATTEMPT = "'attempt', attempt, 'started_at', started_at, 'ended_at', {0}, 'worker', worker, 'reason', {0}"
_EARLIER_ATTEMPTS = {
    "postgresql": f"CASE WHEN jsonb_array_length({_SO_FAR}) >= {ATTEMPTS_KEPT} THEN {_SO_FAR} - 0 ELSE {_SO_FAR} END"
    f" || jsonb_build_array(jsonb_build_object({_ATTEMPT.format('%s::text')}))",
    "sqlite": f"json_insert(CASE WHEN json_array_length({_SO_FAR}) >= {ATTEMPTS_KEPT}"
    f" THEN json_remove({_SO_FAR}, '$[0]') ELSE {_SO_FAR} END, '$[#]', json_object({_ATTEMPT.format('%s')}))",
}


def guard(
    adapt: Any, run_id: str, states: Sequence[State], attempt: int | None, process: uuid.UUID | None
) -> tuple[str, list[Any]]:
    """Return the WHERE of a transition with its values: this run, in one of these states, attempt and process."""
    condition, values = f"id = %s AND state IN ({marks(states)})", [adapt(run_id), *states]
    if attempt is not None:
        condition, values = condition + " AND attempt = %s", [*values, attempt]
    if process is not None:
        condition, values = condition + " AND process = %s", [*values, adapt(process)]
    return condition, values


def count_live(job_ids: Sequence[str]) -> list[tuple[str, int, int]]:
    """Return each job's id with how many live runs hold a place and how many wait for one; jobs without are left out.

    In SQL, for it stands before every firing, and to have Django build the query takes longer than to run it.
    """
    if not job_ids:
        return []
    connection = connections[DEFAULT_DB_ALIAS]
    theirs, values = one_of(connection, "job_id", job_ids)
    counts = "count(*) FILTER (WHERE NOT waiting), count(*) FILTER (WHERE waiting)"
    sql = f"SELECT job_id, {counts} FROM {TABLE} WHERE {theirs} AND state IN ({marks(LIVE)}) GROUP BY job_id"  # noqa: S608
    return execute(connection, sql, [*values, *LIVE])


def unheld(runs: QuerySet[TaskRun]) -> QuerySet[TaskRun]:
    """Return those of `runs` whose rows nobody else has locked, locking them: one that is held holds up no other.

    Call it inside a transaction. SQLite has no locks of rows.
    """
    if not connections[DEFAULT_DB_ALIAS].features.has_select_for_update_skip_locked:
        return runs
    return TaskRun.objects.filter(id__in=runs.select_for_update(skip_locked=True).values("id"))


def one_of(connection: BaseDatabaseWrapper, column: str, values: Sequence[Any]) -> tuple[str, list[Any]]:
    """Return the condition that a column is one of `values`, and its parameters: on PostgreSQL one for all of them."""
    if connection.vendor == "postgresql":
        return f"{column} = ANY(%s)", [list(values)]
    return f"{column} IN ({marks(values)})", list(values)


def marks(values: Sequence[Any]) -> str:
    """Return as many placeholders as there are values."""
    return ", ".join(["%s"] * len(values))


def adapter(connection: BaseDatabaseWrapper) -> Any:
    """Return what turns ids and instants into the database's own form (SQLite has neither type)."""
    native_uuid = connection.features.has_native_uuid_field

    def adapt(value: Any) -> Any:
        if isinstance(value, datetime):
            return connection.ops.adapt_datetimefield_value(value)
        parsed = value if isinstance(value, uuid.UUID) else uuid.UUID(value)
        return parsed if native_uuid else parsed.hex

    return adapt


def aware(value: datetime | str | None) -> datetime | None:
    """Return an instant as read by a raw query: SQLite hands out text in UTC."""
    if value is None:
        return None
    instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    return instant if instant.tzinfo is not None else instant.replace(tzinfo=UTC)


def and_this_attempt(connection: BaseDatabaseWrapper) -> str:
    """Return the expression for a run's earlier attempts with the present one added; it takes its end and reason."""
    return _EARLIER_ATTEMPTS[connection.vendor]
