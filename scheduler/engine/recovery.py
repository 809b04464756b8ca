"""Finds what crashes left behind: runs of dead workers, messages that the broker lost, jobs that have healed; engine.

Every scheduler does this a few times a minute; row locks and guarded updates keep them out of each other's way.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from django.db.models import Q
from django_apscheduler.models import DjangoJob

from .. import clock, conf, processes, runs
from ..db import write_transaction
from ..exceptions import SchedulerError
from ..known_tasks import KnownTasks
from ..models import ScheduledTask, ServiceProcess, State, TaskRun
from . import broker
from .passes import CANT_BE_READ, CANT_BE_WRITTEN, DOCUMENTS, plan_one
from .planning import Live

logger = logging.getLogger(__name__)

SETTLED = timedelta(seconds=3)
"""A run queued more recently than this may not be in the broker's list yet, or no more."""


def recover(*, steady: bool) -> None:
    """Do one round of what needs the database alone; the outbox does `send_lost_messages`.

    :param steady: whether this process has seen the database without a break for long enough to call others dead
    """
    if steady:
        processes.bury_silent()
    give_up_lost_runs()
    expire_overdue()
    heal_jobs()


def give_up_lost_runs() -> int:
    """End (or plan again) running runs whose worker process has stopped; return how many."""
    now = clock.now()
    workers = ServiceProcess.objects.filter(kind=ServiceProcess.Kind.WORKER)
    stopped = Q(process__in=workers.exclude(stopped_at=None).values("id"), started_at__lt=now - SETTLED)
    patience = timedelta(seconds=conf.get("LOST_AFTER"))
    never_seen = ~Q(process__in=workers.values("id")) & Q(started_at__lt=now - patience)  # died before its first beat
    lost = TaskRun.objects.filter(stopped | never_seen, state=State.RUNNING)
    ended = 0
    for run in lost:
        with write_transaction() as connection:
            if not runs.unheld(lost.filter(id=run.id)).exists():
                continue  # it has moved on, or somebody holds its row: the next round sees
            given_up = runs.lose(connection, run, f"Its worker {run.worker} died")
        if given_up:
            logger.warning("Run %s of job %s: its worker %s died", run.id, run.job_id, run.worker)
            ended += 1
    return ended


def expire_overdue() -> int:
    """End runs that no worker took before they expired; return how many."""
    overdue = TaskRun.objects.filter(state__in=runs.NOT_STARTED, expires_at__lt=clock.now() - SETTLED)
    outcome = runs.Outcome(State.EXPIRED, "No worker took it before it expired")
    return sum(runs.refuse(run, outcome) for run in overdue)


def heal_jobs() -> int:
    """Put jobs that were set aside back on the schedule, where what was missing has come back; return how many."""
    known, now, healed = KnownTasks(), clock.now(), 0
    broken = ScheduledTask.objects.exclude(broken_reason="").filter(removed_at=None)
    for job in broken.select_related("job").defer(*DOCUMENTS):
        if job.broken_reason.startswith((CANT_BE_READ, CANT_BE_WRITTEN)):
            continue
        try:
            plan_one(job, job.job, min(job.parked_run_time or now, now), Live(), known, now)
        except SchedulerError:
            continue
        changed = ScheduledTask.objects.filter(job_id=job.job_id, broken_reason=job.broken_reason)
        if changed.update(broken_reason="", parked_run_time=None):
            DjangoJob.objects.filter(id=job.job_id, next_run_time=None).update(next_run_time=job.parked_run_time)
            logger.info("Job %s has healed", job.id)
            healed += 1
    return healed


def send_lost_messages() -> int:
    """Plan queued runs again whose messages are no longer in the broker; return how many."""
    settled = clock.now() - SETTLED
    queued = TaskRun.objects.filter(state=State.QUEUED, queued_at__lt=settled)
    if not queued.exists():
        broker.remember()
        return 0
    lost = broker.find_lost(queued)
    again = runs.republish(lost, queued_before=settled)
    if again:
        logger.warning("The broker lost %d messages; they are sent again", again)
    return again
