"""How many runs that were due in each hour are in which state: counted by the engine, read by the dashboard.

`last_hours()` reads, `count()` counts anew. The dashboard would have to count a day's runs each time that it is looked
at; so one scheduler does it, once a minute, for the hours in which something may have changed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count

from . import clock
from .db import write_transaction
from .models import LIVE, HourTally, State, TaskRun

HOUR = timedelta(hours=1)
DAY_HOURS = 24
RECENT_HOURS = 3
"""Hours that are counted each time: the current one and those before it."""


@dataclass(frozen=True)
class Hour:
    """The runs that were due in one hour."""

    begins_at: datetime
    counts: dict[str, int] = field(default_factory=dict)
    """By state; states without a run are left out."""


def last_hours(hours: int = DAY_HOURS) -> list[Hour]:
    """Return the current hour and those before it, earliest first, as they were counted last; one small query.

    :param hours: how many
    """
    last = _hour_of(clock.now())
    found = {(begin := last - HOUR * back): Hour(begin) for back in reversed(range(hours))}
    rows = HourTally.objects.filter(hour__gte=last - HOUR * (hours - 1), hour__lte=last, count__gt=0)
    for hour, state, count in rows.values_list("hour", "state", "count"):
        if hour in found:
            found[hour].counts[state] = count
    return list(found.values())


def count(now: datetime) -> int:
    """Count the hours anew in which something may have changed; return how many.

    These are the current one and the two before, and of the last day those that were never counted (no scheduler was
    there) and those that have runs which had not ended.
    """
    last = _hour_of(now)
    day = [last - HOUR * back for back in range(DAY_HOURS)]
    counted: dict[datetime, bool] = {}
    rows = HourTally.objects.filter(hour__gte=day[-1], hour__lte=last).values_list("hour", "state", "count")
    for hour, state, runs in rows:
        counted[hour] = counted.get(hour, False) or (state in LIVE and runs > 0)
    wanted = [hour for back, hour in enumerate(day) if back < RECENT_HOURS or counted.get(hour, True)]
    for hour in wanted:
        _count_hour(hour)
    return len(wanted)


def _count_hour(hour: datetime) -> None:
    """Count one hour along the index on the time that runs were due, which has their states in it."""
    found = TaskRun.objects.filter(scheduled_at__gte=hour, scheduled_at__lt=hour + HOUR).order_by()
    counts = dict(found.values_list("state").annotate(runs=Count("*")))
    counts = counts or {State.SUCCESS: 0}  # says that the hour was counted
    rows = [HourTally(hour=hour, state=state, count=runs) for state, runs in counts.items()]
    with write_transaction():
        HourTally.objects.filter(hour=hour).exclude(state__in=counts).delete()
        HourTally.objects.bulk_create(
            rows, update_conflicts=True, unique_fields=["hour", "state"], update_fields=["count"]
        )


def _hour_of(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)
