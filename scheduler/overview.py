"""What goes on now and what went wrong lately, in queries that no length of history makes slower; web process."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django_apscheduler.models import DjangoJob

from . import clock, processes
from .models import FAILED, ServiceProcess, State, TaskRun

HEAVY = ("args", "kwargs", "options", "result", "traceback")
"""Columns of a run that no overview shows, and that may be large."""
MOST = 10_000
"""Counts end here: "more than 10,000" tells as much as the number would, and is there at once."""


def longest_running(count: int) -> list[TaskRun]:
    """Return the runs that have been running longest, at most `count` of them."""
    return list(TaskRun.objects.filter(state=State.RUNNING).order_by("started_at").defer(*HEAVY)[:count])


def count_running() -> int:
    """Return how many runs are running."""
    return TaskRun.objects.filter(state=State.RUNNING).count()


def running_by_process() -> dict[Any, int]:
    """Return how many runs each worker is at, by the id of its `ServiceProcess`."""
    counted = TaskRun.objects.filter(state=State.RUNNING).order_by().values_list("process").annotate(Count("pk"))
    return dict(counted)


def failed_since(moment: datetime) -> QuerySet[TaskRun]:
    """Return the runs that failed, in any way, since an instant; newest first."""
    failed = TaskRun.objects.filter(state__in=FAILED, finished_at__gte=moment)
    return failed.order_by("-finished_at").defer(*HEAVY)


def count_to(queryset: QuerySet[Any], most: int = MOST) -> int:
    """Return how many rows a queryset has; `most` + 1 where there are more than `most`."""
    return queryset.order_by().values("pk")[: most + 1].count()


def jobs_due(after: datetime, before: datetime) -> QuerySet[DjangoJob]:
    """Return the jobs whose next firing lies in [after, before)."""
    found: QuerySet[DjangoJob] = DjangoJob.objects.filter(next_run_time__gte=after, next_run_time__lt=before)
    return found


def jobs_late(by: float) -> QuerySet[DjangoJob]:
    """Return the jobs that should have fired more than `by` seconds ago."""
    found: QuerySet[DjangoJob] = DjangoJob.objects.filter(next_run_time__lt=clock.now() - timedelta(seconds=by))
    return found


def alive() -> list[ServiceProcess]:
    """Return the schedulers and workers that are alive; without the names of their tasks, which may be many."""
    return list(processes.alive().defer("tasks").order_by("kind", "name"))
