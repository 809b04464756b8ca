"""Triggers in elapsed time: once at a date, and every so many seconds; evaluated by the engine, built everywhere."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.date import DateTrigger as LibraryDateTrigger
from apscheduler.triggers.interval import IntervalTrigger as LibraryIntervalTrigger

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

from .base import Bounded, Schedule, Search
from .values import read_datetime, read_jitter, read_number
from .zones import UTC, default_timezone, read_timezone, zone_name

MAX_INTERVAL = timedelta(days=36525)
_UNITS = {"weeks": 604800, "days": 86400, "hours": 3600, "minutes": 60, "seconds": 1}


class DateTrigger(Schedule, LibraryDateTrigger):
    """Fires once, at `run_date`; at once if none is given."""

    TYPE = "date"
    jitter = None
    run_date: datetime

    def __init__(self, run_date: Any = None, timezone: Any = None) -> None:
        self.timezone = default_timezone() if timezone is None else read_timezone(timezone)
        moment = read_datetime("run_date", run_date, self.timezone)
        self.run_date = moment if moment is not None else datetime.now(self.timezone)
        self._instant = self.run_date.astimezone(UTC)

    def nominal(self, after: datetime, search: Search) -> datetime | None:
        return self._instant if self._instant > after else None

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """APScheduler's method: the run date, even if it has passed, unless it was `previous_fire_time`."""
        return self.run_date if previous_fire_time is None or previous_fire_time < self._instant else None

    def arguments(self) -> dict[str, Any]:
        return {"run_date": self.run_date.isoformat(), "timezone": zone_name(self.timezone)}


class IntervalTrigger(Bounded, LibraryIntervalTrigger):
    """Fires at `start_date` and every interval after it, in elapsed time.

    Without a start date the first firing is one interval from now, rounded up to the second.
    """

    TYPE = "interval"
    interval: timedelta

    def __init__(
        self,
        weeks: Any = 0,
        days: Any = 0,
        hours: Any = 0,
        minutes: Any = 0,
        seconds: Any = 0,
        start_date: Any = None,
        end_date: Any = None,
        timezone: Any = None,
        jitter: Any = None,
    ) -> None:
        self.interval = _read_interval(
            {"weeks": weeks, "days": days, "hours": hours, "minutes": minutes, "seconds": seconds}
        )
        self.interval_length = self.interval.total_seconds()
        self._set_zone(timezone)
        if start_date is None:
            now = datetime.now(UTC)
            start_date = now + self.interval + timedelta(microseconds=-now.microsecond % 1_000_000)
        self._set_bounds(start_date, end_date)
        self._start = self.start_date.astimezone(UTC)
        self.jitter = read_jitter(jitter)

    def nominal(self, after: datetime, search: Search) -> datetime | None:
        if after < self._start:
            found = self._start
        else:
            try:
                found = self._start + ((after - self._start) // self.interval + 1) * self.interval
            except OverflowError:
                return None
        return None if self._ceiling is not None and found > self._ceiling else found

    def arguments(self) -> dict[str, Any]:
        return {**interval_arguments(self.interval), **self._common_arguments()}


def _read_interval(given: dict[str, Any]) -> timedelta:
    given = {unit: 0 if value is None else value for unit, value in given.items()}
    parts = {
        unit: read_number(unit, value, 0, 1e12, whole=False)
        for unit, value in given.items()
        if value or type(value) is not int
    }
    wanted = {unit: given[unit] for unit in parts} or {"seconds": given["seconds"]}
    field = f"trigger.{next(iter(wanted))}"
    shown = next(iter(wanted.values())) if len(wanted) == 1 else wanted
    try:
        interval = timedelta(**parts)
    except OverflowError:
        interval = timedelta.max
    if interval < timedelta(seconds=1):
        raise InvalidTrigger(field, shown, _("makes an interval under one second"), _("Write seconds=1 or more."))
    if interval > MAX_INTERVAL:
        raise InvalidTrigger(
            field, shown, _("makes an interval over 100 years"), _("Use a date trigger for one firing.")
        )
    return interval


def interval_arguments(interval: timedelta) -> dict[str, int | float]:
    """Return an interval in the largest single unit that holds it exactly."""
    for unit, seconds in _UNITS.items():
        count, rest = divmod(interval, timedelta(seconds=seconds))
        if not rest:
            return {unit: count}
    # Days apart from the rest, as a float of seconds holds microseconds exactly only while it is small.
    days = {"days": interval.days} if interval.days else {}
    return {**days, "seconds": (interval - timedelta(days=interval.days)).total_seconds()}
