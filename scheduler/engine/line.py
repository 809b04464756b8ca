"""Runs that hold a place among their job's live runs, and runs that wait in line for one; engine."""

from __future__ import annotations

from datetime import datetime

from django.db import DEFAULT_DB_ALIAS, connections
from django_apscheduler.models import DjangoJob

from .. import runs
from ..db import write_transaction
from ..models import Overlap, ScheduledTask, State, TaskRun
from .planning import Live


def live_runs(job_ids: list[str]) -> dict[str, Live]:
    """Count the live runs of jobs on all workers, in one query."""
    return {job_id: Live(active, waiting) for job_id, active, waiting in runs.count_live(job_ids)}


def release_waiting(now: datetime, limit: int = 100) -> int:
    """Let runs that wait in line go, where a live run of their job has ended; return how many."""
    waiting = TaskRun.objects.filter(waiting=True).order_by("job_id").values_list("job_id", flat=True)
    return sum(_release_job(job_id, now) for job_id in waiting.distinct()[:limit])


def _release_job(job_id: str, now: datetime) -> int:
    with write_transaction():
        row = DjangoJob.objects.filter(id=job_id)
        if connections[DEFAULT_DB_ALIAS].features.has_select_for_update_skip_locked:
            row = row.select_for_update(skip_locked=True)
        if not row.exists() and DjangoJob.objects.filter(id=job_id).exists():
            return 0  # another scheduler is at it
        job = ScheduledTask.objects.filter(job_id=job_id).first()
        live = live_runs([job_id]).get(job_id, Live())
        free = (job.max_instances if job else 1) - live.active
        if job is not None and job.overlap == Overlap.ALLOW:
            free = live.waiting
        if free <= 0:
            return 0
        chosen = TaskRun.objects.filter(job_id=job_id, waiting=True, state=State.PENDING).order_by("scheduled_at")
        ids = list(chosen.values_list("id", flat=True)[:free])
        return runs.unheld(TaskRun.objects.filter(id__in=ids, waiting=True)).update(waiting=False, publish_at=now)
