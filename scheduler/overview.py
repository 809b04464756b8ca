"""What goes on now and what went wrong lately, in queries that no length of history makes slower; web process."""

from __future__ import annotations

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from django.db.models import Count, QuerySet
from django_apscheduler.models import DjangoJob

from . import clock, processes
from .models import FAILED, HourTally, ServiceProcess, State, TaskRun

HEAVY = ("args", "kwargs", "options", "result", "traceback")
"""Columns of a run that no overview shows, and that may be large."""
MOST = 10_000
"""Counts end here: "more than 10,000" tells as much as the number would, and is there at once."""
HOUR = timedelta(hours=1)


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


def last_hours(count: int) -> list[tuple[datetime, dict[str, int]]]:
    """Return the last hours, oldest first, each with how many runs that were due in it are in which state."""
    this = clock.now().replace(minute=0, second=0, microsecond=0)
    hours: dict[datetime, dict[str, int]] = {this - HOUR * back: {} for back in reversed(range(count))}
    tallies = HourTally.objects.filter(hour__gte=this - HOUR * (count - 1), hour__lte=this)
    for hour, state, number in tallies.values_list("hour", "state", "count"):
        if hour in hours:
            hours[hour][state] = number
    return list(hours.items())


def lateness(*shares: float, newest: int = 1_000) -> list[float] | None:
    """Return by how many seconds the newest firings were planned late, at each of `shares` (0.5 is the median).

    A firing that was missed tells nothing of it: the scheduler was not there. None where nothing has fired.
    """
    fired = TaskRun.objects.order_by("-scheduled_at").values_list("created_at", "scheduled_at", "requested_by", "state")
    late = sorted(
        max(0.0, (created - due).total_seconds())
        for created, due, by, state in fired[:newest]
        if by == "schedule" and state != State.MISSED
    )
    return [late[ceil(share * len(late)) - 1] for share in shares] if late else None


def alive() -> list[ServiceProcess]:
    """Return the schedulers and workers that are alive; without the names of their tasks, which may be many."""
    return list(processes.alive().defer("tasks").order_by("kind", "name"))
