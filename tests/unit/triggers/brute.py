"""Firing tables found by trying every moment, with nothing but datetime and zoneinfo: what triggers must equal."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

Matches = Callable[[datetime], bool]
"""Whether a wall time (naive) belongs to the schedule."""


@lru_cache(maxsize=8)
def walls(zone: str, start: datetime, end: datetime, step: timedelta) -> list[tuple[datetime, datetime]]:
    """Return start, start + step, … before end, each with what a clock in the zone shows then."""
    info, found = ZoneInfo(zone), []
    while start < end:
        found.append((start, start.astimezone(info).replace(tzinfo=None, fold=0)))
        start += step
    return found


def elapsed(zone: str, matches: Matches, start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return each instant of [start, end) at which a clock in the zone shows a matching time."""
    return [at for at, wall in walls(zone, start, end, step) if matches(wall)]


def fixed(zone: str, matches: Matches, start: datetime, end: datetime, step: timedelta) -> list[datetime]:
    """Return one instant for each matching wall time: when a clock first shows it or, if it never does, a later time.

    Looks at two days on either side, so that wall times near the ends find their instants.
    """
    margin = timedelta(days=2)
    found = set()
    reached: datetime | None = None
    for at, wall in walls(zone, start - margin, end + margin, step):
        if reached is None:
            reached = wall - step
        while reached < wall:  # walls never shown yet, up to this one: each belongs to this instant
            reached += step
            if matches(reached):
                found.add(at)
    return sorted(at for at in found if start <= at < end)


def next_walls(matches: Matches, after: datetime, count: int, step: timedelta) -> list[datetime]:
    """Return the next matching wall times strictly after `after`, which lies on the grid of `step`."""
    found: list[datetime] = []
    while len(found) < count:
        after += step
        if matches(after):
            found.append(after)
    return found


def utc(*numbers: int) -> datetime:
    """Return a datetime in UTC."""
    return datetime(*numbers, tzinfo=UTC)
