"""The trigger that counts years, months, weeks and days on the calendar; evaluated by the engine, built everywhere."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import Any

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger as LibraryCalendarIntervalTrigger

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

from .base import Bounded, Search
from .values import check_order, read_date, read_jitter, read_whole
from .walltime import next_fixed
from .zones import zone_name

_DAY = timedelta(days=1)
_LIMITS = {"years": 8000, "months": 96000, "weeks": 420000, "days": 3000000}


class CalendarIntervalTrigger(Bounded, LibraryCalendarIntervalTrigger):
    """Fires at one time of day on dates counted from `start_date` (today if not given).

    Years and months are added first, until the date exists; then weeks and days. Both start and end are dates.
    """

    TYPE = "calendarinterval"

    def __init__(
        self,
        *,
        years: Any = 0,
        months: Any = 0,
        weeks: Any = 0,
        days: Any = 0,
        hour: Any = 0,
        minute: Any = 0,
        second: Any = 0,
        start_date: Any = None,
        end_date: Any = None,
        timezone: Any = None,
        jitter: Any = None,
    ) -> None:
        self._set_zone(timezone)
        parts = {"years": years, "months": months, "weeks": weeks, "days": days}
        read = [read_whole(name, 0 if value is None else value, 0, _LIMITS[name]) for name, value in parts.items()]
        self.years, self.months, self.weeks, self.days = read
        self._months = self.years * 12 + self.months
        self._days = self.weeks * 7 + self.days
        if not self._months and not self._days:
            raise InvalidTrigger("trigger.days", 0, _("makes an interval under one day"), _("Write days=1 or more."))
        self._time = time(
            read_whole("hour", 0 if hour is None else hour, 0, 23),
            read_whole("minute", 0 if minute is None else minute, 0, 59),
            read_whole("second", 0 if second is None else second, 0, 59),
            tzinfo=self.timezone,
        )
        self.start_date = read_date("start_date", start_date, self.timezone) or datetime.now(self.timezone).date()
        self.end_date = read_date("end_date", end_date, self.timezone)
        check_order(self.start_date, self.end_date)
        self._floor = self._ceiling = None
        self.jitter = read_jitter(jitter)

    def nominal(self, after: datetime, search: Search) -> datetime | None:
        try:
            return next_fixed(self.timezone, lambda wall: self._next_wall(wall, search), after, search)
        except OverflowError:
            return None

    def _next_wall(self, wall: datetime, search: Search) -> datetime | None:
        at = self._time.replace(tzinfo=None)
        day = wall.date() if wall.time() <= at else wall.date() + _DAY
        try:
            found = self._first_date(day, search)
        except (OverflowError, ValueError):  # past the year 9999
            return None
        if self.end_date is not None and found > self.end_date:
            return None
        return datetime.combine(found, at)

    def _first_date(self, least: date, search: Search) -> date:
        """Return the first counted date that is not before `least`."""
        start: date = self.start_date
        if least <= start:
            return start
        if not self._months:
            count = -((start - least) // timedelta(days=self._days))  # rounded up
            return start + count * timedelta(days=self._days)
        if not self._days:
            gone = (least.year - start.year) * 12 + least.month - start.month
            found = _shifted(start, gone // self._months * self._months, self._months)
            return found if found >= least else _shifted(found, self._months, self._months)
        found = start
        while found < least:
            found = _shifted(found, self._months, self._months) + timedelta(days=self._days)
        return found

    def arguments(self) -> dict[str, Any]:
        names = ("years", "months", "weeks", "days")
        found = {name: getattr(self, name) for name in names if getattr(self, name)}
        found |= {"hour": self._time.hour, "minute": self._time.minute, "second": self._time.second}
        found["start_date"] = self.start_date.isoformat()
        if self.end_date is not None:
            found["end_date"] = self.end_date.isoformat()
        found["timezone"] = zone_name(self.timezone)
        if self.jitter:
            found["jitter"] = self.jitter
        return found


def _shifted(start: date, months: int, step: int) -> date:
    """Return `start` moved by months, and on by `step` months until the day of the month exists.

    :raises ValueError: past the year 9999
    """
    count = start.year * 12 + start.month - 1 + months
    while True:
        year, month = divmod(count, 12)
        if year > 9999:
            raise ValueError("past the calendar")
        try:
            return date(year, month + 1, start.day)
        except ValueError:
            count += step
