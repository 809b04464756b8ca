"""New runs: their ids, what they carry, how they come into both tables; engine and whoever runs a job by hand."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS, IntegrityError, connections, transaction
from django_apscheduler.models import DjangoJobExecution

from .. import conf, executions
from ..models import LIVE, ScheduledTask, State, TaskRun
from ..models.made import made
from .bulk import TOLD, insert_at_once, insert_by_table

FIRING_NAMESPACE = uuid.UUID("7c1f1f0e-5f0b-5a53-9a86-6d1c0f3a9d54")


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
    queue: str | None = None,
    requested_by: str = "schedule",
    note: str = "",
) -> TaskRun:
    """Return an unsaved run of `job`, carrying what it needs to be published and recovered without the job's row."""
    options = {name: getattr(job, name) for name in ("priority", "time_limit", "soft_time_limit")}
    options = {name: value for name, value in options.items() if value is not None}
    if job.on_lost != "fail":
        options["on_lost"] = job.on_lost
    ended = state not in LIVE
    told = {
        "id": run_id or firing_id(job.id, scheduled_at),
        "job_id": job.id,
        "task": job.task,
        "args": job.args if args is None else args,
        "kwargs": job.kwargs if kwargs is None else kwargs,
        "queue": job.queue if queue is None else queue,
        "options": options,
        "requested_by": requested_by,
        "note": note,
        "state": state,
        "reason": reason,
        "waiting": waiting,
        "scheduled_at": scheduled_at,
        "created_at": now,
        "finished_at": now if ended else None,
        "publish_at": None if ended or waiting else now + timedelta(seconds=conf.get("REPUBLISH_AFTER")),
        "expires_at": now + timedelta(seconds=job.expires) if job.expires and not ended else None,
    }
    return made(TaskRun, _untold() | told)


@cache
def _untold() -> dict[str, Any]:
    """Return what a run is born with beside what `new_run` says; nothing of it can be changed in place."""
    return {field.attname: field.get_default() for field in TaskRun._meta.concrete_fields if field.name not in TOLD}


def insert(new: Sequence[TaskRun]) -> list[TaskRun]:
    """Write new runs with their execution rows, inside the caller's transaction; return those that were not there yet.

    A firing that has its run already (its job was moved back in time) is left as it is.
    """
    if not new:
        return []
    connection = connections[DEFAULT_DB_ALIAS]
    write = insert_at_once if connection.vendor == "postgresql" else insert_by_table
    try:
        with transaction.atomic():
            write(connection, new)
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
