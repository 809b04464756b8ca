"""The rule for clock changes: which instants the wall times of a schedule mean in a zone; runs in every process.

A schedule at fixed wall times fires once for each: in a repeated hour the first time, in a skipped hour at the first
instant after the gap. A schedule that follows elapsed time fires whenever the clock shows a matching time: in a
repeated hour both times, in a skipped hour not at all.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, tzinfo

from .base import Search
from .zones import UTC

SECOND = timedelta(seconds=1)
NextWall = Callable[[datetime], "datetime | None"]
"""The first wall time (naive, whole seconds) of a schedule at or after the given one."""


def _offsets(zone: tzinfo, wall: datetime) -> tuple[timedelta, timedelta]:
    """Return the offsets of a wall time's first and second reading: equal, unless the clock changes there."""
    first = zone.utcoffset(wall)  # zones take naive times, too; `wall` has fold=0
    second = zone.utcoffset(wall.replace(fold=1))
    assert first is not None and second is not None
    return first, second


def _utc(wall: datetime, offset: timedelta) -> datetime:
    return (wall - offset).replace(tzinfo=UTC)


def transition(zone: tzinfo, low: datetime, high: datetime) -> datetime:
    """Return the first instant after `low`, at most `high`, at which the offset is no longer that of `low` (UTC)."""
    before = low.astimezone(zone).utcoffset()
    while high - low > SECOND:
        middle = low + timedelta(seconds=(high - low) // SECOND // 2 or 1)
        if middle.astimezone(zone).utcoffset() == before:
            low = middle
        else:
            high = middle
    return high


def first_instant(zone: tzinfo, wall: datetime) -> datetime:
    """Return the instant (UTC) at which a fixed wall time fires."""
    first, second = _offsets(zone, wall)
    if second > first:  # skipped: the second reading has the offset from after the gap
        return transition(zone, _utc(wall, second), _utc(wall, first))
    return _utc(wall, first)


def next_fixed(zone: tzinfo, next_wall: NextWall, after: datetime, search: Search) -> datetime | None:
    """Return the first instant after `after` (both UTC) of a schedule at fixed wall times."""
    local = after.astimezone(zone)
    wall = local.replace(tzinfo=None, microsecond=0, fold=0)
    if local.fold:  # all wall times up to the end of the repeated hour have fired
        first, second = _offsets(zone, wall)
        whole = after.replace(microsecond=0)
        changed = transition(zone, _utc(wall, first), whole) if first > second else whole
        start = (changed + first).replace(tzinfo=None)
    else:
        start = wall + SECOND
    while (found := next_wall(start)) is not None:
        instant = first_instant(zone, found)
        if instant > after:
            return instant
        search.step()  # only near two clock changes within hours of each other
        start = found + SECOND
    return None


def next_elapsed(zone: tzinfo, next_wall: NextWall, after: datetime, search: Search) -> datetime | None:
    """Return the first instant after `after` (both UTC) at which the clock shows one of the schedule's times."""
    local = after.astimezone(zone)
    wall = local.replace(tzinfo=None, microsecond=0, fold=0)
    again = None if local.fold else _second_pass(zone, next_wall, after, wall)
    start = wall + SECOND
    while (found := next_wall(start)) is not None:
        first, second = _offsets(zone, found)
        if second <= first:
            instant = _utc(found, first)
            if instant <= after:
                instant = _utc(found, second)
            return instant if again is None else min(instant, again)
        search.step()
        changed = transition(zone, _utc(found, second), _utc(found, first))
        start = (changed + second).replace(tzinfo=None)
    return again


def _second_pass(zone: tzinfo, next_wall: NextWall, after: datetime, wall: datetime) -> datetime | None:
    """Return the first firing after the clock goes back, if `after` is in an hour that will be repeated."""
    first, second = _offsets(zone, wall)
    if second >= first:
        return None
    changed = transition(zone, after.replace(microsecond=0), _utc(wall, second) + SECOND)
    found = next_wall((changed + second).replace(tzinfo=None))
    if found is None or found >= (changed + first).replace(tzinfo=None):
        return None
    return _utc(found, second)
