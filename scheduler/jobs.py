"""Add, change, pause, resume, remove and run jobs: from any process, inside or outside a transaction.

All that a caller gets wrong is refused before the first write. What is written is in force within a second, because
every scheduler looks at the database at least that often, and on PostgreSQL is told of what is due sooner.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from django.db import IntegrityError, transaction
from django_apscheduler.models import DjangoJob

from . import clock, options, triggers
from .allowed import check_allowed
from .arguments import check_arguments
from .db import write_transaction
from .exceptions import DuplicateJob, StaleJob
from .jobstate import dump_state
from .known_tasks import task_name
from .lookup import check_id, lock_job
from .models import ScheduledTask, Source
from .on_demand import enqueue, run_job
from .schedules import aware, build_trigger, changed_trigger, first_run_time, log_warnings, restore_trigger
from .waking import wake_for

__all__ = ["add_job", "enqueue", "modify_job", "pause_job", "remove_job", "resume_job", "run_job"]


class _Unset:
    def __repr__(self) -> str:
        return "<unset>"


UNSET: Any = _Unset()


def add_job(
    task: Any,
    trigger: Any = None,
    args: Any = None,
    kwargs: Any = None,
    id: str | None = None,
    name: str = "",
    *,
    crontab: str | None = None,
    next_run_time: datetime | None = UNSET,
    replace_existing: bool = False,
    source: Source = Source.ADMIN,
    by: str = "",
    **more: Any,
) -> ScheduledTask:
    """Add a job.

    :param task: a Celery task or its name
    :param trigger: APScheduler's alias (`date`, `interval`, `cron`, `calendarinterval`), a trigger object, or data
        (`{"type": "cron", "hour": 6}`); the alias's arguments follow as keywords
    :param args: the task's positional arguments, JSON values
    :param kwargs: the task's keyword arguments, JSON values
    :param id: the job's id, a random one if left out
    :param name: a title for people
    :param crontab: a schedule in standard cron's five fields, in place of `trigger`
    :param next_run_time: when to run first, whatever the trigger says; None adds the job paused
    :param replace_existing: change the job of this id, if there is one, instead of refusing
    :param by: who asks, for the record
    :param more: options (see `options.CHECKS`) and the trigger's own arguments
    :return: the stored job
    :raises InvalidInput: if anything of it is wrong; nothing is changed then
    """
    job_id = check_id(uuid.uuid4().hex if id is None else id)
    chosen, trigger_args = options.split({**more, "name": name or ""})
    built = build_trigger(trigger, trigger_args, crontab)
    celery_name = task_name(task)
    checked_args, checked_kwargs = check_arguments(
        celery_name, [] if args is None else args, {} if kwargs is None else kwargs
    )
    now = clock.now()
    triggers.check_fires(built, now=now)
    first = first_run_time(built, now, job_id) if next_run_time is UNSET else aware("next_run_time", next_run_time)
    fields = {
        **options.DEFAULTS, **chosen, "task": celery_name, "args": checked_args, "kwargs": checked_kwargs,
        "source": source, "paused_at": now if first is None else None, "removed_at": None, "broken_reason": "",
        "parked_run_time": None,
    }  # fmt: skip
    job = ScheduledTask(job_id=job_id, **fields)
    row = DjangoJob(id=job_id, next_run_time=first, job_state=dump_state(job, built, first))
    job.job = row
    with write_transaction():
        try:
            with transaction.atomic():
                row.save(force_insert=True)
                job.save(force_insert=True)
        except IntegrityError:
            _replace(job, row, fields, replace_existing)
        wake_for(first)
    log_warnings(job_id, built)
    return job


def _replace(job: ScheduledTask, row: DjangoJob, fields: dict[str, Any], replace_existing: bool) -> None:
    """Put a job in the place of the one of its id: a removed one, or any with `replace_existing`."""
    DjangoJob.objects.select_for_update().get(id=row.id)
    old = ScheduledTask.objects.filter(job_id=row.id).first()
    if not replace_existing and (old is None or old.removed_at is None):
        raise DuplicateJob(row.id)
    row.save(force_update=True)
    if old is not None:
        job.created_at = old.created_at
    ScheduledTask.objects.update_or_create(job_id=row.id, defaults=fields)


def modify_job(job_id: str, *, by: str = "", unchanged_since: datetime | None = None, **changes: Any) -> ScheduledTask:
    """Change a job: any option, and `task, args, kwargs, trigger` (with its arguments), `crontab, timezone, name,
    next_run_time`.

    The next run time moves only where the schedule changes.

    :param unchanged_since: the job's `updated_at` as the caller read it; a job that was changed since is left alone
    :raises JobNotFound: if there is none of this id, or it was removed
    :raises StaleJob: if it was changed since the caller read it
    :raises InvalidInput: if anything of it is wrong; nothing is changed then
    """
    chosen, rest = options.split(changes)
    with write_transaction():
        job = lock_job(job_id)
        if unchanged_since is not None and job.updated_at != unchanged_since:
            raise StaleJob(job_id)
        told = {field: rest.pop(field) for field in ("task", "args", "kwargs") if field in rest}
        moved_to = rest.pop("next_run_time", UNSET)
        new_trigger = changed_trigger(job, rest)
        if told:
            job.task = task_name(told.get("task", job.task))
            job.args, job.kwargs = check_arguments(job.task, told.get("args", job.args), told.get("kwargs", job.kwargs))
        check_allowed(job.task)
        for field, value in chosen.items():
            setattr(job, field, value)
        options.split({"soft_time_limit": job.soft_time_limit, "time_limit": job.time_limit})
        _reschedule(job, new_trigger, moved_to)
    if new_trigger is not None:
        log_warnings(job_id, new_trigger)
    return job


def _reschedule(job: ScheduledTask, trigger: BaseTrigger | None, moved_to: Any) -> None:
    """Store a changed job; give it a next run time where its schedule changed or a person moved it."""
    now = clock.now()
    fields = ["job_state"]
    if moved_to is not UNSET:
        job.job.next_run_time = aware("next_run_time", moved_to)
        job.paused_at = now if moved_to is None else None
        fields.append("next_run_time")
    elif trigger is not None and job.paused_at is None:
        job.job.next_run_time = first_run_time(trigger, now, job.id)
        fields.append("next_run_time")
    if job.broken_reason and trigger is None and job.job.next_run_time is None:
        job.job.next_run_time = job.parked_run_time
        fields.append("next_run_time")
    job.broken_reason, job.parked_run_time = "", None
    job.job.job_state = dump_state(job, trigger or restore_trigger(job), job.job.next_run_time)
    job.job.save(update_fields=fields)
    job.save()
    if "next_run_time" in fields:
        wake_for(job.job.next_run_time)


def pause_job(job_id: str, *, by: str = "") -> ScheduledTask:
    """Stop a job from firing until it is resumed; its live runs go on. :raises JobNotFound: if there is none"""
    with write_transaction():
        job = lock_job(job_id)
        if job.paused_at is None:
            job.paused_at = clock.now()
            job.broken_reason, job.parked_run_time = "", None
            job.save(update_fields=["paused_at", "broken_reason", "parked_run_time", "updated_at"])
            DjangoJob.objects.filter(id=job_id).update(next_run_time=None)
            job.job.next_run_time = None
    return job


def resume_job(job_id: str, *, by: str = "") -> ScheduledTask:
    """Let a paused job fire again, from its next firing on.

    :raises JobNotFound: if there is none
    :raises InvalidInput: if its task may no longer be scheduled
    """
    with write_transaction():
        job = lock_job(job_id)
        if job.paused_at is not None:
            check_allowed(job.task)
            job.paused_at = None
            job.job.next_run_time = triggers.first_fire_time(restore_trigger(job), clock.now(), job_id=job.id)
            job.save(update_fields=["paused_at", "updated_at"])
            DjangoJob.objects.filter(id=job_id).update(next_run_time=job.job.next_run_time)
            wake_for(job.job.next_run_time)
    return job


def remove_job(job_id: str, *, by: str = "") -> ScheduledTask:
    """Remove a job from the schedule. Its history stays, and so does its row, so that a sync doesn't add it again.

    :raises JobNotFound: if there is none of this id, or it was removed before
    """
    with write_transaction():
        job = lock_job(job_id)
        job.removed_at = clock.now()
        job.save(update_fields=["removed_at", "updated_at"])
        DjangoJob.objects.filter(id=job_id).update(next_run_time=None)
        job.job.next_run_time = None
    return job
