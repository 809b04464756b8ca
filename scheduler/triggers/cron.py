"""Cron triggers, with APScheduler's fields or as a standard crontab line; evaluated by the engine, built everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apscheduler.triggers.cron import CronTrigger as LibraryCronTrigger

from .base import Bounded, Search
from .crontab import read_crontab
from .fields import NAMES, completed, parsed, read_expression
from .values import read_jitter
from .wallcalendar import WallCalendar, wall_calendar
from .walltime import next_elapsed, next_fixed


class CronTrigger(Bounded, LibraryCronTrigger):
    """APScheduler's cron trigger with our rule for clock changes; arguments and fields mean what they mean there.

    If the hour is `*`, a step (`*/n`) or names every hour, the schedule follows elapsed time; else it is at fixed
    wall times.
    """

    TYPE = "cron"
    _calendar: WallCalendar
    fields: list[Any]

    def __init__(
        self,
        year: Any = None,
        month: Any = None,
        day: Any = None,
        week: Any = None,
        day_of_week: Any = None,
        hour: Any = None,
        minute: Any = None,
        second: Any = None,
        start_date: Any = None,
        end_date: Any = None,
        timezone: Any = None,
        jitter: Any = None,
    ) -> None:
        given = zip(NAMES, (year, month, day, week, day_of_week, hour, minute, second), strict=True)
        expressions = {name: read_expression(name, value) for name, value in given if value is not None}
        self._set(expressions, False, start_date, end_date, timezone, jitter)

    def _set(self, given: dict[str, str], either: bool, start: Any, end: Any, timezone: Any, jitter: Any) -> None:
        self._set_zone(timezone)
        self._set_bounds(start, end)
        self.jitter = read_jitter(jitter)
        texts = completed(given)
        self.fields = [parsed(name, text, name not in given) for name, text in zip(NAMES, texts, strict=True)]
        self._calendar = wall_calendar(texts, either)

    @classmethod
    def from_crontab(cls, expr: str, timezone: Any = None) -> CrontabTrigger:
        """Return a trigger for a standard crontab line (0 and 7 are Sunday, unlike APScheduler's method)."""
        return CrontabTrigger(expr, timezone=timezone)

    def nominal(self, after: datetime, search: Search) -> datetime | None:
        if self._floor is not None and after < self._floor:
            after = self._floor
        step = next_elapsed if self._calendar.elapsed else next_fixed
        try:
            found = step(self.timezone, self._calendar.next, after, search)
        except OverflowError:
            return None
        return None if found is None or (self._ceiling is not None and found > self._ceiling) else found

    def arguments(self) -> dict[str, Any]:
        given = {field.name: str(field) for field in self.fields if not field.is_default}
        return {**given, **self._common_arguments()}


class CrontabTrigger(CronTrigger):
    """A standard crontab line: `CrontabTrigger("30 6 * * 1-5")` is Monday to Friday at 06:30."""

    crontab: str
    either: bool
    """Whether a day counts that matches day of month or day of week: both are restricted."""

    def __init__(
        self, crontab: Any, start_date: Any = None, end_date: Any = None, timezone: Any = None, jitter: Any = None
    ) -> None:
        line = read_crontab(crontab)
        self.crontab, self.either = line.text, line.either
        self._set({**line.fields, "second": "0"}, line.either, start_date, end_date, timezone, jitter)

    def arguments(self) -> dict[str, Any]:
        return {"crontab": self.crontab, **self._common_arguments()}

    def __str__(self) -> str:
        return f"crontab[{self.crontab}]"

    def __repr__(self) -> str:
        return f"<CrontabTrigger ({self.crontab!r}, timezone='{self.timezone}')>"
