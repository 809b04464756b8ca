"""Brings many new runs into both tables in one statement, on PostgreSQL; called by `births`.

The rows travel as one JSON text, which Python writes and PostgreSQL reads in C, in place of some thirty parameters for
each run that Django and the driver adapt one by one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any

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


def _as_text(value: datetime | uuid.UUID | Decimal) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@cache
def _statement(alias: str) -> str:
    from django.db import connections

    connection = connections[alias]
    fields = {field.attname: field for field in TaskRun._meta.concrete_fields}
    rest = [field for name, field in fields.items() if name not in TOLD and name != "execution_id" and not field.null]
    types = {name: str(fields[name].db_type(connection)) for name in TOLD}
    types |= dict(zip(executions.BORN_WITH, ("text", "numeric", "numeric", "text"), strict=True))
    quote = connection.ops.quote_name
    defaults = ", ".join(_literal(field.get_default()) for field in rest)
    columns = ", ".join(quote(str(field.column)) for field in (*(fields[name] for name in TOLD), *rest))
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


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"'{value}'" if isinstance(value, str) else str(value)
