"""An attempt's claim before its body, and its progress; Celery worker."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from ..db import execute
from ..models import State
from ..prepared import execute_prepared
from .statements import NOT_STARTED, TABLE, adapter, marks


@dataclass(frozen=True)
class Claim:
    """What the database says that a claimed attempt is to execute."""

    job_id: str
    args: list[Any]
    kwargs: dict[str, Any]
    options: dict[str, Any]


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
    adapt = adapter(connection)
    earlier = "LEAST" if connection.vendor == "postgresql" else "MIN"  # times move forward, also between two clocks
    rows = execute_prepared(
        connection,
        f"UPDATE {TABLE} SET state = %s, started_at = %s, queued_at = {earlier}(COALESCE(queued_at, %s), %s),"
        " publish_at = NULL, worker = %s, process = %s, pid = %s"
        f" WHERE id = %s AND attempt = %s AND task = %s AND state IN ({marks(NOT_STARTED)}) AND waiting = %s"
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
    adapt = adapter(connection)
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


def report_progress(connection: BaseDatabaseWrapper, run_id: str, attempt: int, progress: str | None) -> bool:
    """Store an attempt's progress; return whether somebody has asked for the run to be cancelled."""
    rows = execute(
        connection,
        f"UPDATE {TABLE} SET progress = COALESCE(%s, progress) WHERE id = %s AND state = %s AND attempt = %s"
        " RETURNING cancel_requested_at",
        [progress, adapter(connection)(run_id), State.RUNNING, attempt],
    )
    return bool(rows) and rows[0][0] is not None
