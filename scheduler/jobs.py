"""Add, change, pause, resume, remove and run jobs: from any process, inside or outside a transaction.

All that a caller gets wrong is refused before the first write. What is written is in force within a second, because
every scheduler looks at the database at least that often.
"""

from __future__ import annotations

import logging
import re
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal

from apscheduler.triggers.base import BaseTrigger
from django.db import IntegrityError, transaction
from django.utils import timezone as django_timezone
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from . import clock, options, runs, soon, triggers
from .allowed import check_allowed
from .arguments import check_arguments, task_name
from .db import write_transaction
from .exceptions import DuplicateJob, InvalidInput, InvalidTrigger, JobNotFound, NotAllowed, SchedulerError, StaleJob
from .jobstore import dump_state, load_trigger
from .models import LIVE, Overlap, ScheduledTask, Source, TaskRun

logger = logging.getLogger(__name__)

JobState = Literal["scheduled", "paused", "finished", "broken", "removed"]
JOB_ID = re.compile(r"\w([\w .:@/+,-]*[\w.:@/+,-])?")
TRIGGER_TYPES = ("date", "interval", "cron", "calendarinterval", "and", "or")


class _Unset:
    def __repr__(self) -> str:
        return "<unset>"


UNSET: Any = _Unset()


def check_id(job_id: Any) -> str:
    """Return a job id that every page, command and log line can hold. :raises InvalidInput: for any other"""
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        raise InvalidInput("id", job_id, "is not a job id", "Use letters, digits and . _ - : / @ + , (spaces inside).")
    if len(job_id) > 255:
        raise InvalidInput("id", job_id, f"has {len(job_id)} characters", "255 are the most.")
    return job_id


def get_job(job_id: str, *, lock: bool = False) -> ScheduledTask:
    """Return a job with its stored APScheduler row. :raises JobNotFound: if there is none of this id"""
    jobs = ScheduledTask.objects.select_related("job")
    try:
        return (jobs.select_for_update() if lock else jobs).get(job_id=job_id)
    except (ScheduledTask.DoesNotExist, ValueError):
        raise JobNotFound(job_id) from None


def restore_trigger(job: ScheduledTask) -> BaseTrigger:
    """Return a job's trigger. :raises RestoreError: if its stored state can't be read"""
    return load_trigger(job.job.job_state)


def state_of(job: ScheduledTask) -> JobState:
    """Return a job's state; `finished` means that its schedule has no further firing."""
    if job.removed_at is not None:
        return "removed"
    if job.broken_reason:
        return "broken"
    if job.paused_at is not None:
        return "paused"
    return "finished" if job.job.next_run_time is None else "scheduled"


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
    first = _first_run_time(built, now, job_id) if next_run_time is UNSET else _aware("next_run_time", next_run_time)
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
    _log_warnings(job_id, built)
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


def build_trigger(trigger: Any, arguments: dict[str, Any], crontab: str | None = None) -> BaseTrigger:
    """Return the trigger that a caller of `add_job` or `modify_job` means. :raises InvalidTrigger: if it means none"""
    if isinstance(trigger, Mapping):
        if arguments.keys() - {"timezone"}:
            options.refuse_unknown({k: v for k, v in arguments.items() if k != "timezone"})
        return triggers.trigger_from_data(trigger, timezone=arguments.get("timezone"))
    if trigger is None and crontab is None and not arguments.keys() - {"timezone"}:
        raise InvalidTrigger("trigger", None, "is missing", f"Give one of {', '.join(TRIGGER_TYPES)} or a crontab.")
    if trigger is None and crontab is None and "run_date" not in arguments:
        for name in arguments.keys() - {"timezone"}:
            if types := triggers.types_taking(name):
                mend = f"{name} is an argument of the trigger {types[0]!r}: name it, too."
                raise InvalidTrigger("trigger", None, "is missing", mend)
        options.refuse_unknown({k: v for k, v in arguments.items() if k != "timezone"})
    rest = dict(arguments)
    timezone = rest.pop("timezone", None)
    return triggers.trigger_from_arguments(trigger, rest, crontab=crontab, timezone=timezone)


def _first_run_time(trigger: BaseTrigger, now: datetime, job_id: str) -> datetime:
    first = triggers.first_fire_time(trigger, now, job_id=job_id)
    if first is None:
        raise InvalidTrigger("trigger", triggers.describe(trigger), "never fires from now on", "Move its dates.")
    return first


def _aware(field: str, value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidInput(field, value, "is not a date and time", "Write 2026-12-01T09:00+00:00.") from None
    if not isinstance(value, datetime):
        raise InvalidInput(field, value, "is not a date and time", "Write 2026-12-01T09:00+00:00.")
    return value if value.tzinfo is not None else django_timezone.make_aware(value)


MODIFIABLE = ("task", "args", "kwargs", "trigger", "crontab", "timezone", "next_run_time")


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
        job = _existing(job_id)
        if unchanged_since is not None and job.updated_at != unchanged_since:
            raise StaleJob(job_id)
        told = {field: rest.pop(field) for field in ("task", "args", "kwargs") if field in rest}
        moved_to = rest.pop("next_run_time", UNSET)
        new_trigger = _changed_trigger(job, rest)
        if told:
            job.task = task_name(told.get("task", job.task))
            job.args, job.kwargs = check_arguments(job.task, told.get("args", job.args), told.get("kwargs", job.kwargs))
        check_allowed(job.task)
        for field, value in chosen.items():
            setattr(job, field, value)
        options.split({"soft_time_limit": job.soft_time_limit, "time_limit": job.time_limit})
        _reschedule(job, new_trigger, moved_to)
    if new_trigger is not None:
        _log_warnings(job_id, new_trigger)
    return job


def _log_warnings(job_id: str, trigger: BaseTrigger) -> None:
    for sentence in triggers.warnings(trigger):
        logger.warning("Job %s: %s", job_id, sentence)


def _existing(job_id: str) -> ScheduledTask:
    DjangoJob.objects.select_for_update().filter(id=job_id).first()
    job = get_job(job_id)
    if job.removed_at is not None:
        raise JobNotFound(job_id)
    return job


def _changed_trigger(job: ScheduledTask, rest: dict[str, Any]) -> BaseTrigger | None:
    if not rest:
        return None
    trigger, crontab = rest.pop("trigger", None), rest.pop("crontab", None)
    if trigger is None and crontab is None:
        timezone = rest.pop("timezone", None)
        options.refuse_unknown(rest, MODIFIABLE)
        changed = triggers.replace_timezone(restore_trigger(job), timezone)
    else:
        says_zone = "timezone" in rest or (isinstance(trigger, Mapping) and "timezone" in trigger)
        if not says_zone and (crontab is not None or isinstance(trigger, str | Mapping)):
            rest["timezone"] = triggers.timezone_of(restore_trigger(job))
        changed = build_trigger(trigger, rest, crontab)
    triggers.check_fires(changed, now=clock.now())
    return changed


def _reschedule(job: ScheduledTask, trigger: BaseTrigger | None, moved_to: Any) -> None:
    """Store a changed job; give it a next run time where its schedule changed or a person moved it."""
    now = clock.now()
    fields = ["job_state"]
    if moved_to is not UNSET:
        job.job.next_run_time = _aware("next_run_time", moved_to)
        job.paused_at = now if moved_to is None else None
        fields.append("next_run_time")
    elif trigger is not None and job.paused_at is None:
        job.job.next_run_time = _first_run_time(trigger, now, job.id)
        fields.append("next_run_time")
    if job.broken_reason and trigger is None and job.job.next_run_time is None:
        job.job.next_run_time = job.parked_run_time
        fields.append("next_run_time")
    job.broken_reason, job.parked_run_time = "", None
    job.job.job_state = dump_state(job, trigger or restore_trigger(job), job.job.next_run_time)
    job.job.save(update_fields=fields)
    job.save()


def pause_job(job_id: str, *, by: str = "") -> ScheduledTask:
    """Stop a job from firing until it is resumed; its live runs go on. :raises JobNotFound: if there is none"""
    with write_transaction():
        job = _existing(job_id)
        if job.paused_at is None:
            job.paused_at = clock.now()
            job.broken_reason, job.parked_run_time = "", None
            job.save()
            DjangoJob.objects.filter(id=job_id).update(next_run_time=None)
            job.job.next_run_time = None
    return job


def resume_job(job_id: str, *, by: str = "") -> ScheduledTask:
    """Let a paused job fire again, from its next firing on.

    :raises JobNotFound: if there is none
    :raises InvalidInput: if its task may no longer be scheduled
    """
    with write_transaction():
        job = _existing(job_id)
        if job.paused_at is not None:
            check_allowed(job.task)
            job.paused_at = None
            job.job.next_run_time = triggers.first_fire_time(restore_trigger(job), clock.now(), job_id=job.id)
            job.save()
            DjangoJob.objects.filter(id=job_id).update(next_run_time=job.job.next_run_time)
    return job


def remove_job(job_id: str, *, by: str = "") -> ScheduledTask:
    """Remove a job from the schedule. Its history stays, and so does its row, so that a sync doesn't add it again.

    :raises JobNotFound: if there is none of this id, or it was removed before
    """
    with write_transaction():
        job = _existing(job_id)
        job.removed_at = clock.now()
        job.save(update_fields=["removed_at", "updated_at"])
        DjangoJob.objects.filter(id=job_id).update(next_run_time=None)
        job.job.next_run_time = None
    return job


def run_job(
    job_id: str,
    *,
    args: Any = None,
    kwargs: Any = None,
    by: str = "",
    note: str = "",
    overlap: str | None = None,
    queue: str | None = None,
    run_id: str | uuid.UUID | None = None,
) -> TaskRun:
    """Run a job now, beside its schedule.

    Where as many runs as `max_instances` allows are live, the new one waits in line, whatever the job's overlap
    policy says of its firings (`replace` and `allow` are followed).

    :param args: positional arguments in place of the job's own
    :param kwargs: keyword arguments in place of the job's own
    :param by: who asks, shown with the run
    :param note: why, shown with the run
    :param overlap: a policy in place of the job's own
    :param queue: a queue in place of the job's own
    :param run_id: the run's id, a random UUID (version 4). Asking again with the same one gives the same run
    :raises JobNotFound: if there is none of this id, or it was removed
    :raises InvalidInput: if the arguments don't fit the task, or another value is wrong
    """
    new_id = uuid.uuid4() if run_id is None else _random_id(run_id)
    note = options.CHECKS["description"]("note", note)
    queue = None if queue is None else options.CHECKS["queue"]("queue", queue)
    with write_transaction():
        if run_id is not None and (run := _asked_before(new_id, job_id)) is not None:
            return run
        job = _existing(job_id)
        if args is not None or kwargs is not None:
            args, kwargs = check_arguments(
                job.task, job.args if args is None else args, job.kwargs if kwargs is None else kwargs
            )
        task_name(job.task)
        policy = options.CHECKS["overlap"]("overlap", overlap or job.overlap)
        live = TaskRun.objects.filter(job_id=job.id, state__in=LIVE).count()
        full = policy != Overlap.ALLOW and live >= job.max_instances
        if full and policy == Overlap.REPLACE:
            cancel_live(job.id, reason=f"Replaced by a run that {by or 'somebody'} asked for")
        run = runs.new_run(
            job,
            _free_instant(job.id),
            now=clock.now(),
            waiting=full,
            run_id=new_id,
            args=args,
            kwargs=kwargs,
            queue=queue,
            requested_by=by or "somebody",
            note=note,
        )
        runs.insert([run])
        if not full:
            transaction.on_commit(lambda: soon.publish([run]))
    return run


def _random_id(run_id: str | uuid.UUID) -> uuid.UUID:
    """Return a run's id as its asker chose it; that of a firing, which can be computed, would take the firing's place.

    :raises InvalidInput: if it is not a random UUID
    """
    try:
        chosen = uuid.UUID(str(run_id))
    except ValueError:
        chosen = None
    if chosen is None or chosen.version != 4:
        raise InvalidInput("run_id", run_id, "is not a random UUID (version 4)", "Make it with uuid.uuid4().")
    return chosen


def _asked_before(run_id: uuid.UUID, job_id: str) -> TaskRun | None:
    """Return the run that was asked for under this id; of two who ask at once, the second waits for the first."""
    DjangoJob.objects.select_for_update().filter(id=job_id).first()
    run = TaskRun.objects.filter(id=run_id).first()
    if run is not None and run.job_id != job_id:
        raise InvalidInput("run_id", str(run_id), f"is the id of a run of job {run.job_id}", "Make a new one.")
    return run


def enqueue(job_id: str) -> str:
    """What every stored APScheduler job calls: run the job now. Our own engine does the same in bulk."""
    return str(run_job(job_id, by="APScheduler").id)


def cancel_live(job_id: str, *, reason: str) -> None:
    """Cancel every live run of a job; those that have ended meanwhile are left alone."""
    for run in TaskRun.objects.filter(job_id=job_id, state__in=LIVE):
        try:
            runs.cancel(run.id, reason=reason)
        except SchedulerError as error:
            if not isinstance(error, NotAllowed):
                raise


def _free_instant(job_id: str) -> datetime:
    """Return now, or the next microsecond at which the job has no execution (the library keys them by run time)."""
    at = clock.now()
    while DjangoJobExecution.objects.filter(job_id=job_id, run_time=at).exists():
        at += timedelta(microseconds=1)
    return at
