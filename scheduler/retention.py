"""Deletes old runs, by age and never the newest of each job; `manage.py prune`."""

from __future__ import annotations

from datetime import timedelta

from django_apscheduler.models import DjangoJobExecution

from . import clock, conf, processes
from .models import TERMINAL, TaskRun

BATCH = 1_000


def prune(*, days: float | None = None, keep: int | None = None) -> int:
    """Delete ended runs older than `days` with their execution rows, but keep the newest `keep` of each job.

    :param days: age by scheduled time; `RETENTION_DAYS` if left out
    :param keep: runs of each job; `RETENTION_RUNS` if left out
    :return: how many runs were deleted
    """
    days = conf.get("RETENTION_DAYS") if days is None else days
    keep = conf.get("RETENTION_RUNS") if keep is None else keep
    before = clock.now() - timedelta(days=days)
    deleted = 0
    for job_id in TaskRun.objects.order_by("job_id").values_list("job_id", flat=True).distinct():
        deleted += _prune_job(job_id, before, keep)
    processes.forget_old(max(days, 1))
    return deleted


def _prune_job(job_id: str, before: object, keep: int) -> int:
    of_job = TaskRun.objects.filter(job_id=job_id)
    old = of_job.filter(state__in=TERMINAL, scheduled_at__lt=before)
    if keep:
        newest = of_job.order_by("-scheduled_at").values_list("scheduled_at", flat=True)
        oldest_kept = list(newest[keep - 1 : keep])
        if not oldest_kept:
            return 0
        old = old.filter(scheduled_at__lt=oldest_kept[0])
    deleted = 0
    while batch := list(old.values_list("id", "execution_id")[:BATCH]):
        DjangoJobExecution.objects.filter(id__in=[execution for _, execution in batch if execution]).delete()
        deleted += TaskRun.objects.filter(id__in=[run for run, _ in batch]).delete()[0]
    return deleted
