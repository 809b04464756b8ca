"""Finds what the next year's clock changes do to a schedule at fixed wall times; used by the CLI and the admin."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Any

from django.utils.translation import gettext as _

from .base import Search
from .cron import CronTrigger
from .phrases import clock
from .walltime import transition
from .zones import UTC, zone_name

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)


def clock_changes(trigger: Any, now: datetime) -> list[str]:
    """Return one sentence for each change within a year of `now` (UTC) that touches a firing."""
    if isinstance(trigger, CronTrigger) and trigger._calendar.elapsed:
        return []
    found = []
    for before, after in changes(trigger.timezone, now.replace(minute=0, second=0, microsecond=0)):
        low, high = sorted((before, after))
        wall = _wall_time(trigger, low)
        if wall is None or wall >= high:
            continue
        values = {
            "date": before.date().isoformat(),
            "zone": zone_name(trigger.timezone),
            "time": clock(wall.hour, wall.minute, wall.second),
            "later": clock(after.hour, after.minute, after.second),
        }
        if after > before:
            found.append(_("On %(date)s %(zone)s skips %(time)s: fires at %(later)s instead.") % values)
        else:
            found.append(_("On %(date)s %(zone)s has %(time)s twice: fires the first time only.") % values)
    return found


def touched(firing: datetime, before: datetime | None = None) -> str:
    """Return what a clock change has to do with a firing, in a few words; mostly nothing.

    :param firing: in its schedule's zone
    :param before: the firing before it
    """
    if _offset(firing) > _offset(firing.astimezone(UTC) - _SECOND, firing.tzinfo):
        return _("clocks go forward at this moment")
    if firing.replace(fold=0).utcoffset() != firing.replace(fold=1).utcoffset():
        return (
            _("this time comes twice that day: the second one")
            if firing.fold
            else _("this time comes twice that day: the first one")
        )
    if before is not None and _offset(firing) != _offset(before):
        forward = _offset(firing) > _offset(before)
        return _("clocks have gone forward before it") if forward else _("clocks have gone back before it")
    return ""


def _offset(moment: datetime, zone: tzinfo | None = None) -> timedelta:
    return moment.astimezone(zone or moment.tzinfo).utcoffset() or timedelta(0)


def _wall_time(trigger: Any, wall: datetime) -> datetime | None:
    """Return the first wall time of a schedule that is not before `wall`."""
    if isinstance(trigger, CronTrigger):
        return trigger._calendar.next(wall)
    found: datetime | None = trigger._next_wall(wall, Search())
    return found


@lru_cache(maxsize=256)
def changes(zone: tzinfo, start: datetime) -> list[tuple[datetime, datetime]]:
    """Return the wall times just before and after each clock change in the year from `start` (UTC)."""
    found = []
    low = start
    for _day in range(366):
        high = low + _DAY
        before, after = low.astimezone(zone).utcoffset(), high.astimezone(zone).utcoffset()
        if before != after and before is not None and after is not None:
            naive = transition(zone, low, high).replace(tzinfo=None)
            found.append((naive + before, naive + after))
        low = high
    return found
