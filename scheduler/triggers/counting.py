"""How often a trigger fires in each hour to come, without walking through all its firings; used by the web process.

An interval is divided; a cron schedule is multiplied: the minutes and seconds that match are as many in each hour that
matches. So a job of every second costs no more than one of every hour.
"""

from __future__ import annotations

from bisect import bisect_left
from datetime import date, datetime, tzinfo
from functools import lru_cache
from itertools import pairwise

from apscheduler.triggers.base import BaseTrigger

from .base import MICROSECOND, Schedule, Search
from .combining import Combining, OrTrigger
from .cron import CronTrigger
from .fields import values
from .interval import IntervalTrigger
from .spec import adopt
from .wallcalendar import WallCalendar
from .walltime import transition
from .zones import UTC

HOUR, DAY, MILLION = 3_600, 86_400, 1_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_ZERO = EPOCH.toordinal()
FEW = 50
"""Firings up to which those of combined triggers and of ones with jitter are looked at one by one."""
MOST = 200
"""Firings after which counting what can only be counted one by one ends."""


def hourly(
    trigger: BaseTrigger, start: datetime, hours: int, *, after: datetime, job_id: str = ""
) -> tuple[list[int], bool]:
    """Return how often a trigger fires in each of `hours` hours from `start`, strictly after `after`.

    Exact, but for triggers with jitter or under "or" that fire more than 50 times: their jitter is left out, and
    instants that two parts share count twice.

    :param start: aware, in whole seconds
    :return: the counts, and whether they are whole: what can only be counted one by one ends after 200 firings
    :raises PlanningError: if the trigger takes too many steps
    """
    ours, grid = adopt(trigger), _Grid(start, hours)
    counts = _computed(ours, grid, after, job_id)
    exact = not ours.jitter and not isinstance(ours, Combining)
    if counts is not None and (exact or sum(counts) > FEW):
        return counts, True
    return _walked(ours, grid, after, grid.end, job_id)


class _Grid:
    """The hours that are counted, in seconds since 1970."""

    def __init__(self, start: datetime, hours: int) -> None:
        self.start, self.hours = (start - EPOCH) // MICROSECOND // MILLION, hours
        self.end = self.start + hours * HOUR


def _computed(trigger: Schedule, grid: _Grid, after: datetime, job_id: str) -> list[int] | None:
    """Return the counts of a trigger that can be computed, without jitter; None for others."""
    if isinstance(trigger, IntervalTrigger):
        return _of_interval(trigger, grid, after)
    if isinstance(trigger, CronTrigger):
        return _of_cron(trigger, grid, after, job_id)
    if isinstance(trigger, OrTrigger):
        parts = [_computed(part, grid, after, job_id) for part in trigger.triggers]
        known = [part for part in parts if part is not None]
        return [sum(counts) for counts in zip(*known, strict=True)] if len(known) == len(parts) else None
    return None


def _walked(trigger: Schedule, grid: _Grid, after: datetime, end: int, job_id: str) -> tuple[list[int], bool]:
    counts, last = [0] * grid.hours, end * MILLION
    moment: datetime | None = max(after, EPOCH + (grid.start * MILLION - 1) * MICROSECOND)
    for _firing in range(MOST):
        assert moment is not None
        moment = trigger.following(moment, Search(job_id))
        instant = last if moment is None else (moment - EPOCH) // MICROSECOND
        if instant >= last:
            return counts, True
        counts[(instant // MILLION - grid.start) // HOUR] += 1
    return counts, False


def _of_interval(trigger: IntervalTrigger, grid: _Grid, after: datetime) -> list[int]:
    start, hour = grid.start * MILLION, HOUR * MILLION
    first, step = (trigger._start - EPOCH) // MICROSECOND, trigger.interval // MICROSECOND
    low, high = max(start, first, (after - EPOCH) // MICROSECOND + 1), grid.end * MILLION
    if trigger._ceiling is not None:
        high = min(high, (trigger._ceiling - EPOCH) // MICROSECOND + 1)
    if low >= high:
        return [0] * grid.hours
    slot, last = (low - start) // hour, (high - 1 - start) // hour
    edges = [low, *range(start + (slot + 1) * hour, high, hour), high]
    before = [-((first - edge) // step) for edge in edges]  # how many firings lie before each
    return [0] * slot + [later - earlier for earlier, later in pairwise(before)] + [0] * (grid.hours - last - 1)


def _of_cron(trigger: CronTrigger, grid: _Grid, after: datetime, job_id: str) -> list[int]:
    low = max(grid.start, (after - EPOCH) // MICROSECOND // MILLION + 1)
    high = grid.end
    if trigger._floor is not None:
        low = max(low, (trigger._floor - EPOCH) // MICROSECOND // MILLION + 1)
    if trigger._ceiling is not None:
        high = min(high, (trigger._ceiling - EPOCH) // MICROSECOND // MILLION + 1)
    counts = [0] * grid.hours
    for begin, end, offset, changed_until in _steady_spans(trigger.timezone, grid.start, grid.end):
        begin, end = max(low, begin), min(high, end)
        if not trigger._calendar.elapsed and begin < changed_until:  # its rule for clock changes is the trigger's own
            stop = min(end, changed_until)
            walked, _whole = _walked(trigger, grid, EPOCH + (begin * MILLION - 1) * MICROSECOND, stop, job_id)
            counts = [count + more for count, more in zip(counts, walked, strict=True)]
            begin = stop
        _add_walls(counts, trigger._calendar, begin + offset, end + offset, grid.start + offset)
    return counts


@lru_cache(maxsize=256)
def _steady_spans(zone: tzinfo, start: int, end: int) -> list[tuple[int, int, int, int]]:
    """Return the spans of [start, end) in which a zone's offset stays the same: begin, end, offset in seconds.

    The fourth number says until when the schedule of fixed wall times is unusual, after the clock change at the begin.
    """
    spans, begin, until = [], start, start
    low = datetime.fromtimestamp(start, UTC)
    while low.timestamp() < end:
        high = datetime.fromtimestamp(min(low.timestamp() + DAY, end), UTC)
        offset, later = _offset(zone, low), _offset(zone, high)
        if offset != later:
            changed = int(transition(zone, low, high).timestamp())
            spans.append((begin, changed, offset, until))
            begin, until = changed, changed + abs(later - offset)
        low = high
    spans.append((begin, end, _offset(zone, low), until))
    return spans


def _offset(zone: tzinfo, moment: datetime) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _add_walls(counts: list[int], calendar: WallCalendar, low: int, high: int, start: int) -> None:
    """Count the wall times of [low, high), in seconds since 1970 as a clock on the wall counts them.

    :param start: the wall time at which the first hour of `counts` begins, which need not be a full hour
    """
    hours, within = values("hour", calendar.texts["hour"]), _Within(calendar)
    edge = start % HOUR or HOUR  # where in an hour on the wall the next one of `counts` begins
    first, rest = within.count(0, edge), within.count(edge, HOUR)
    for midnight in range(low - low % DAY, high, DAY):
        day = date.fromordinal(DAY_ZERO + midnight // DAY)
        if not calendar.has_day(day.year, day.month, day.day):
            continue
        slot = (midnight - start) // HOUR
        whole_day = low <= midnight and midnight + DAY < high
        for hour in hours:
            begin = midnight + hour * HOUR
            if whole_day or (low <= begin and begin + HOUR < high):
                counts[slot + hour] += first
                counts[slot + hour + 1] += rest
            elif begin < high and begin + HOUR > low:
                begin, end = max(0, low - begin), min(HOUR, high - begin)
                if begin < min(edge, end):
                    counts[slot + hour] += within.count(begin, min(edge, end))
                if max(begin, edge) < end:
                    counts[slot + hour + 1] += within.count(max(begin, edge), end)


class _Within:
    """The matching minutes and seconds of an hour."""

    def __init__(self, calendar: WallCalendar) -> None:
        self.minutes = values("minute", calendar.texts["minute"])
        self.seconds = values("second", calendar.texts["second"])

    def count(self, begin: int, end: int) -> int:
        """Return how many lie in [begin, end), in seconds of the hour."""
        return self._before(end) - self._before(begin)

    def _before(self, second: int) -> int:
        minute, rest = divmod(second, 60)
        place = bisect_left(self.minutes, minute)
        matches = place < len(self.minutes) and self.minutes[place] == minute
        return place * len(self.seconds) + (bisect_left(self.seconds, rest) if matches else 0)
