"""What is due in the days to come: how much in each hour, and what comes next; web process.

From the real triggers, and bounded however many jobs there are: the firings of the jobs that are due first are counted
all, of the others the next one alone.
"""

from __future__ import annotations

import heapq
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from apscheduler.triggers.base import BaseTrigger
from django.db.models import Count, QuerySet
from django.db.models.functions import TruncHour
from django_apscheduler.models import DjangoJob

from .exceptions import SchedulerError
from .jobstate import load_trigger
from .models import ScheduledTask
from .publishing import queue_name
from .triggers import hourly, next_fire_time, timezone_of

HOUR = timedelta(hours=1)
MOST_JOBS = 1_000
MOST_SECONDS = 0.1
"""Processor time after which no further job is looked at, should their triggers be that slow."""
COLUMNS = ("job_id", "name", "task", "queue", "job__job_state", "job__next_run_time")


@dataclass(frozen=True)
class Forecast:
    """How many firings are due in each hour."""

    start: datetime
    counts: list[int]
    jobs: int
    """Jobs with a firing in this time."""
    counted: int
    """Those of them whose firings are counted all."""
    cut: int
    """Those of them that fire so often, by a schedule so combined, that counting ended before the last firing."""


@dataclass(frozen=True)
class Firing:
    """One firing to come, and the job that it is of."""

    at: datetime
    job_id: str
    name: str
    task: str
    queue: str
    zone: tzinfo


def scheduled() -> QuerySet[ScheduledTask]:
    """Return the jobs that will fire."""
    return ScheduledTask.objects.filter(removed_at=None, paused_at=None, job__next_run_time__isnull=False)


def forecast(jobs: QuerySet[ScheduledTask] | None, start: datetime, hours: int) -> Forecast:
    """Return how many firings of `jobs` are due in each of `hours` hours.

    :param jobs: some of `scheduled()`, or None for all of them
    :param start: the beginning of the present hour in the zone whose hours are counted; what is late belongs to it
    """
    end = start + hours * HOUR
    rest = _next_firings(jobs, start, end)
    due = (scheduled() if jobs is None else jobs).filter(job__next_run_time__lt=end)
    total, counts, counted, cut = rest.total(), [0] * hours, 0, 0
    enough = time.thread_time() + MOST_SECONDS
    for job, trigger in _restored(due.order_by("job__next_run_time")[:MOST_JOBS]):
        if time.thread_time() > enough:
            break
        following = job.job.next_run_time
        try:
            more, whole = hourly(trigger, start, hours, after=following, job_id=job.id)
        except SchedulerError:
            continue
        counts = [count + further for count, further in zip(counts, more, strict=True)]
        counts[_hour_of(following, start)] += 1
        rest[_hour_of(following, start)] -= 1
        counted += 1
        cut += not whole
    counts = [count + rest[hour] for hour, count in enumerate(counts)]
    return Forecast(start, counts, total, counted, cut)


def _next_firings(jobs: QuerySet[ScheduledTask] | None, start: datetime, end: datetime) -> Counter[int]:
    """Return how many jobs fire next in each hour, in one query over the column."""
    rows, column = (DjangoJob.objects, "next_run_time") if jobs is None else (jobs, "job__next_run_time")
    hour = TruncHour(column, tzinfo=start.tzinfo)
    by_hour = rows.filter(**{f"{column}__lt": end}).order_by().annotate(hour=hour).values_list("hour")
    found: Counter[int] = Counter()
    for at, count in by_hour.annotate(Count("pk")):
        found[_hour_of(at, start)] += count
    return found


def _hour_of(moment: datetime, start: datetime) -> int:
    # In UTC, for within one zone Python subtracts wall times.
    return max(0, (moment - start.astimezone(UTC)) // HOUR)


def _restored(jobs: QuerySet[ScheduledTask]) -> Iterator[tuple[ScheduledTask, BaseTrigger]]:
    """Yield jobs with their triggers; one whose stored state can't be read is the engine's to tell of."""
    for job in jobs.select_related("job").only(*COLUMNS):
        try:
            yield job, load_trigger(job.job.job_state)
        except SchedulerError:
            continue


def agenda(
    jobs: QuerySet[ScheduledTask], count: int, *, within: tuple[datetime, datetime] | None = None
) -> list[Firing]:
    """Return the next `count` firings, earliest first.

    :param jobs: some or all of `scheduled()`
    :param within: only firings from the first of these instants on, and before the second; of the jobs due before it
        the `MOST_JOBS` first ones, and those that fire next within that time
    """
    if within is None:  # no further job can have one of the next `count` firings
        return _merged(_first_firings(jobs.order_by("job__next_run_time")[:count]), count, None)
    low, high = within
    due = jobs.filter(job__next_run_time__lt=high).order_by("job__next_run_time")
    next_then = due.filter(job__next_run_time__gte=low)[:count]
    first = {firing.job_id: (firing, trigger) for firing, trigger in _first_firings(due[:MOST_JOBS], low)}
    first |= {firing.job_id: (firing, trigger) for firing, trigger in _first_firings(next_then, low)}
    return _merged(first.values(), count, high)


def _first_firings(jobs: QuerySet[ScheduledTask], low: datetime | None = None) -> Iterator[tuple[Firing, BaseTrigger]]:
    enough = time.thread_time() + MOST_SECONDS
    for job, trigger in _restored(jobs):
        at: datetime | None = job.job.next_run_time
        if low is not None and at is not None and at < low:
            at = _following(trigger, low - timedelta(microseconds=1), job.id)
        if at is not None:
            queue = queue_name(job.queue, job.task)
            yield Firing(at, job.id, str(job), job.task, queue, timezone_of(trigger)), trigger
        if time.thread_time() > enough:
            return


def _merged(first: Iterable[tuple[Firing, BaseTrigger]], count: int, high: datetime | None) -> list[Firing]:
    """Return the earliest `count` firings, walking each trigger only as far as it is among them."""
    heap = [(firing.at, firing.job_id, firing, trigger) for firing, trigger in first]
    heapq.heapify(heap)
    found: list[Firing] = []
    while heap and len(found) < count:
        at, job_id, firing, trigger = heap[0]
        if high is not None and at >= high:
            break
        found.append(firing)
        following = _following(trigger, at, job_id)
        if following is None:
            heapq.heappop(heap)
        else:
            again = Firing(following, job_id, firing.name, firing.task, firing.queue, firing.zone)
            heapq.heapreplace(heap, (following, job_id, again, trigger))
    return found


def _following(trigger: BaseTrigger, after: datetime, job_id: str) -> datetime | None:
    try:
        found = next_fire_time(trigger, after, job_id=job_id)
    except SchedulerError:
        return None
    return None if found is None else found.astimezone(UTC)
