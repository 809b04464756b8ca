"""One pass: claim what is due, plan it, write runs and next run times in one transaction; engine."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from django.db import transaction
from django_apscheduler.models import DjangoJob

from .. import conf, jobstate, jobstore, runs, triggers
from ..db import OUTAGE, write_transaction
from ..exceptions import PlanningError, SchedulerError
from ..known_tasks import KnownTasks
from ..models import LIVE, ScheduledTask, State, TaskRun
from .line import live_runs
from .planning import Action, Firing, Live, Plan, Policy, plan

logger = logging.getLogger(__name__)

STATES = {Action.FIRE: State.PENDING, Action.WAIT: State.PENDING, Action.SKIP: State.SKIPPED, Action.MISS: State.MISSED}


MOST_RUNS = 500
"""Runs after which a transaction takes no further job, …"""
PLAN_SECONDS = 0.5
"""… and the time after which it does not: it stays short, whatever was missed."""
CANT_BE_READ = "It can't be read"
CANT_BE_WRITTEN = "The database refuses what it plans"
"""Begins the reason of a job that only a person can mend, by changing it."""

DOCUMENTS = ("args", "kwargs", "tags", "declared")
"""A job's JSON fields, which somebody may have filled by hand."""


@dataclass
class Planned:
    """What one transaction of a pass wrote."""

    more: bool = False
    """Whether more jobs may be due."""
    new: list[TaskRun] = field(default_factory=list)
    """The runs that are to be published now."""
    firings: list[tuple[str, Firing]] = field(default_factory=list)
    """Every firing with its job's id, for APScheduler's listeners."""


@dataclass
class _Batch:
    now: datetime
    planned: Planned
    runs: list[TaskRun] = field(default_factory=list)
    moves: list[tuple[str, datetime | None]] = field(default_factory=list)
    replaced: list[str] = field(default_factory=list)


def plan_due(now: datetime, known: KnownTasks, *, limit: int) -> Planned:
    """Plan up to `limit` due jobs in one short transaction. Nothing in it talks to anything but the database.

    A job that can't be planned is set aside with its reason and costs only itself.
    """
    try:
        return _plan_together(now, known, limit)
    except OUTAGE:
        raise
    except Exception:
        logger.exception("A batch of due jobs can't be planned together; planning them one by one")
        return _plan_one_by_one(now, known, limit)


def _plan_together(now: datetime, known: KnownTasks, limit: int) -> Planned:
    planned = Planned()
    with write_transaction():
        rows, tasks = _claim(now, limit, planned)
        if rows:
            _plan_rows(rows, tasks, live_runs([row.id for row in rows]), known, now, planned)
    return planned


def _plan_one_by_one(now: datetime, known: KnownTasks, limit: int) -> Planned:
    planned = Planned()
    with write_transaction():
        rows, tasks = _claim(now, limit, planned)
        live = live_runs([row.id for row in rows])
        for row in rows:
            _plan_alone(row, tasks, live, known, now, planned)
    return planned


def _claim(now: datetime, limit: int, planned: Planned) -> tuple[list[DjangoJob], dict[str, ScheduledTask]]:
    """Claim rows that are due, with their jobs. One that somebody stored nonsense in is set aside."""
    try:
        due = jobstore.claim_due(now, limit)
        planned.more = len(due) == limit
        return [row for row, _ in due], {row.id: job for row, job in due if job is not None}
    except OUTAGE:
        raise
    except Exception:
        logger.warning("Due jobs can't be read together; reading them one by one")
    rows = jobstore.claim_due_rows(now, limit)
    planned.more = len(rows) == limit
    readable, tasks = [], {}
    for row in rows:
        try:
            tasks.update(ScheduledTask.objects.in_bulk([row.id]))
            readable.append(row)
        except OUTAGE:
            raise
        except Exception as error:  # e.g. arguments nested so deeply that Python's JSON reader gives up
            job = ScheduledTask.objects.defer(*DOCUMENTS).get(job_id=row.id)
            set_aside(row, job, f"{CANT_BE_READ}: {type(error).__name__}: {error}")
    return readable, tasks


def _plan_rows(
    rows: Sequence[DjangoJob],
    tasks: dict[str, ScheduledTask],
    live: dict[str, Live],
    known: KnownTasks,
    now: datetime,
    planned: Planned,
) -> None:
    batch, enough = _Batch(now, planned), time.monotonic() + PLAN_SECONDS
    for row in rows:
        if len(batch.runs) >= MOST_RUNS or time.monotonic() > enough:
            planned.more = True  # after a long downtime: the rest stays due, for the next transaction
            break
        job = tasks.get(row.id)
        try:
            if job is None:
                raise PlanningError("It has no scheduled task: it was stored by another program")
            if job.removed_at is not None or job.paused_at is not None:
                batch.moves.append((row.id, None))
                continue
            made = plan_one(job, row, row.next_run_time, live.get(row.id, Live()), known, now)
            if made.replace and not _may_replace(row.id):
                continue  # somebody holds a run that is to be cancelled: the job stays due, and the others go on
            _collect(batch, job, row, made)
        except SchedulerError as error:
            set_aside(row, job, str(error))
    for job_id in batch.replaced:
        runs.cancel_live(job_id, reason="Replaced by a newer run of its job")
    inserted = runs.insert(batch.runs)
    jobstore.advance(batch.moves)
    planned.new += [run for run in inserted if run.state == State.PENDING and not run.waiting]


def _may_replace(job_id: str) -> bool:
    """Lock the live runs of a job; return whether all of them could be locked."""
    live = TaskRun.objects.filter(job_id=job_id, state__in=LIVE)
    return runs.unheld(live).count() == live.count()


def _plan_alone(
    row: DjangoJob,
    tasks: dict[str, ScheduledTask],
    live: dict[str, Live],
    known: KnownTasks,
    now: datetime,
    planned: Planned,
) -> None:
    try:
        with transaction.atomic():
            _plan_rows([row], tasks, live, known, now, planned)
    except OUTAGE:
        raise
    except Exception as error:
        logger.exception("Job %s can't be planned", row.id)
        set_aside(row, tasks.get(row.id), f"{CANT_BE_WRITTEN}: {type(error).__name__}: {error}")


def plan_one(job: ScheduledTask, row: DjangoJob, due: datetime, live: Live, known: KnownTasks, now: datetime) -> Plan:
    """Plan a job that came due at `due`; writes nothing. :raises SchedulerError: if it can't be planned, with why"""
    if job.task not in known:
        raise PlanningError(f"No task named {job.task!r} is registered here or on a worker that is alive")
    trigger = jobstate.load_trigger(row.job_state)
    policy = Policy(job.max_instances, job.overlap, job.misfire_grace_time, job.catch_up)

    def next_after(at: datetime) -> datetime | None:
        # In UTC, for within one zone Python compares wall times, which an hour of each autumn repeats.
        found = triggers.next_fire_time(trigger, at, job_id=row.id)
        return None if found is None else found.astimezone(UTC)

    try:
        return plan(due, now, next_after, policy, live, most=conf.get("MAX_CATCH_UP"))
    except SchedulerError:
        raise
    except Exception as error:
        raise PlanningError(f"Its trigger fails: {type(error).__name__}: {error}") from error


def _collect(batch: _Batch, job: ScheduledTask, row: DjangoJob, made: Plan) -> None:
    for firing in made.firings:
        batch.runs.append(
            runs.new_run(
                job,
                firing.scheduled_at,
                now=batch.now,
                state=STATES[firing.action],
                waiting=firing.action is Action.WAIT,
                reason=firing.reason,
            )
        )
        batch.planned.firings.append((row.id, firing))
    batch.moves.append((row.id, made.next_run_time))
    if made.replace:
        batch.replaced.append(row.id)


def set_aside(row: DjangoJob, job: ScheduledTask | None, reason: str) -> None:
    """Mark a job as broken, with its reason: it fires no more until it heals, and keeps its place in time."""
    logger.error("Job %s is set aside: %s", row.id, reason)
    if job is None:
        job, _ = ScheduledTask.objects.get_or_create(job_id=row.id)
    job.broken_reason, job.parked_run_time = reason, row.next_run_time
    job.save(update_fields=["broken_reason", "parked_run_time", "updated_at"])
    jobstore.advance([(row.id, None)])
