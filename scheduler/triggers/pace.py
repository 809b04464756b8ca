"""How often a trigger fires, counted from its own firings within a moment's work; used by the admin."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from apscheduler.triggers.base import BaseTrigger

from .firing import next_fire_time

WINDOW = timedelta(days=28)
"""Four weeks: weekdays weigh as much as they do in a year."""
MOST = 2_000
FEW = 12
SECONDS = 0.05


@dataclass(frozen=True)
class Pace:
    """How often a trigger fires."""

    per_day: float
    """0 for one that fires once more, or never."""
    shortest: timedelta | None
    """The shortest time between two of the firings that were looked at."""


def pace(trigger: BaseTrigger, *, after: datetime, job_id: str = "") -> Pace:
    """Return how often a trigger fires after an instant; of one that fires often, from its first 2,000 firings."""
    found: list[datetime] = []
    end, patience, whole = after + WINDOW, time.monotonic() + SECONDS, False
    for firing in _firings(trigger, after, job_id):
        if firing > end and len(found) >= FEW:
            whole = found[-1] <= end
            break
        if len(found) >= MOST or time.monotonic() > patience:
            break
        found.append(firing)
    if len(found) < 2:
        return Pace(0.0, None)
    shortest = min(later - earlier for earlier, later in pairwise(found))
    if whole:
        return Pace(len(found) / WINDOW.days, shortest)
    return Pace((len(found) - 1) * timedelta(days=1) / (found[-1] - found[0]), shortest)


def _firings(trigger: BaseTrigger, after: datetime, job_id: str) -> Iterator[datetime]:
    moment: datetime | None = after
    while moment is not None:
        moment = next_fire_time(trigger, moment, job_id=job_id)
        if moment is not None:
            moment = moment.astimezone(UTC)  # where differences are elapsed time
            yield moment
