"""Brings many new runs into both tables, past Django's adapting of some thirty values for each; called by `births`.

On PostgreSQL in one statement: the rows travel as one JSON text, which Python writes and PostgreSQL reads in C. On
SQLite, which has no network between, as rows of one statement for each table.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import executions
from ..db import execute
from ..models import TaskRun
from .statements import TABLE

TOLD = (
    "id", "job_id", "task", "args", "kwargs", "queue", "options", "requested_by", "note", "state", "reason", "waiting",
    "scheduled_at", "created_at", "finished_at", "publish_at", "expires_at",
)  # fmt: skip
"""What a new run says; all else is as the model has it by default."""


def insert_at_once(connection: BaseDatabaseWrapper, new: Sequence[TaskRun]) -> None:
    """Write new runs with their execution rows, and note the rows' ids in the runs.

    :raises IntegrityError: if one of them is there already; none is written then
    """
    rows = [{**{name: getattr(run, name) for name in TOLD}, **executions.birth(run)} for run in new]
    written = execute(connection, _statement(connection.alias), [json.dumps(rows, default=_as_text)])
    ids = dict(written)
    for run in new:
        run.execution_id = ids[run.id]


def insert_by_table(connection: BaseDatabaseWrapper, new: Sequence[TaskRun]) -> None:
    """Do what `insert_at_once` does, on SQLite and with its write lock held: nobody else takes the rows' ids then."""
    of_executions, of_runs = _statements_by_table(connection.alias)
    with connection.cursor() as cursor:
        cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [executions.TABLE])
        last = (cursor.fetchone() or (0,))[0]
        for number, run in enumerate(new, start=last + 1):
            run.execution_id = number
        born = [(run.execution_id, run.job_id, run.scheduled_at, *executions.birth(run).values()) for run in new]
        told = [[*(getattr(run, name) for name in TOLD), run.execution_id] for run in new]
        cursor.executemany(of_executions, [[_as_stored(value) for value in row] for row in born])
        cursor.executemany(of_runs, [[_as_stored(value) for value in row] for row in told])


def _as_stored(value: Any) -> Any:
    """Return a value as Django stores it in SQLite."""
    if isinstance(value, datetime):
        return str(value.astimezone(UTC).replace(tzinfo=None))
    if isinstance(value, uuid.UUID):
        return value.hex
    if isinstance(value, list | dict):
        return json.dumps(value)
    return str(value) if isinstance(value, Decimal) else value


@cache
def _statements_by_table(alias: str) -> tuple[str, str]:
    columns, defaults = _columns(alias)
    marks = ", ".join(["%s"] * len(TOLD))
    born_with = ("id", "job_id", "run_time", *executions.BORN_WITH)
    return (
        f"INSERT INTO {executions.TABLE} ({', '.join(born_with)}) VALUES ({', '.join(['%s'] * len(born_with))})",
        f"INSERT INTO {TABLE} ({columns}, execution_id) VALUES ({marks}, {defaults}, %s)",
    )


def _as_text(value: datetime | uuid.UUID | Decimal) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def _statement(alias: str) -> str:
    fields = {field.attname: field for field in TaskRun._meta.concrete_fields}
    types = {name: str(fields[name].db_type(connections[alias])) for name in TOLD}
    types |= dict(zip(executions.BORN_WITH, ("text", "numeric", "numeric", "text"), strict=True))
    columns, defaults = _columns(alias)
    born_with = ", ".join(executions.BORN_WITH)
    return f"""
        WITH new AS MATERIALIZED (
            SELECT nextval(pg_get_serial_sequence('{executions.TABLE}', 'id')) AS execution_id, told.*
            FROM json_to_recordset(%s) AS told({", ".join(f"{name} {kind}" for name, kind in types.items())})
        ), noted AS (
            INSERT INTO {executions.TABLE} (id, job_id, run_time, {born_with})
            SELECT execution_id, job_id, scheduled_at, {born_with} FROM new
        )
        INSERT INTO {TABLE} ({columns}, execution_id)
        SELECT {", ".join(TOLD)}, {defaults}, execution_id FROM new
        RETURNING id, execution_id
    """


def _columns(alias: str) -> tuple[str, str]:
    """Return the columns of `TOLD` with all that may not be null, and what the latter are by default."""
    fields = {field.attname: field for field in TaskRun._meta.concrete_fields}
    rest = [field for name, field in fields.items() if name not in TOLD and name != "execution_id" and not field.null]
    quote = connections[alias].ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in (*(fields[name] for name in TOLD), *rest))
    return columns, ", ".join(_literal(field.get_default()) for field in rest)


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)
