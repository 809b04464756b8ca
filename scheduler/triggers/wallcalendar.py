"""Steps through the wall times of a cron schedule with tables instead of trying them; runs in every process."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cache, lru_cache

from .fields import NAMES, month_mask, next_table, next_year, values, week_masks, year_kind

_DAY = timedelta(days=1)
_LAST_YEAR = 9999
_CYCLE = 400
"""Years after which the calendar repeats, weekdays included: a schedule without a day in so many has none."""


class WallCalendar:
    """The wall times of eight expressions (year to second), to the second and without a zone.

    :param expressions: one for each of APScheduler's fields, in its order
    :param either: whether a day counts that matches `day` *or* `day_of_week`, as in standard cron
    """

    __slots__ = (
        "_always",
        "_either",
        "_first",
        "_hours",
        "_masks",
        "_minutes",
        "_months",
        "_seconds",
        "elapsed",
        "texts",
    )

    def __init__(self, expressions: tuple[str, ...], either: bool = False) -> None:
        self.texts = dict(zip(NAMES, expressions, strict=True))
        self._either = either
        self._hours = next_table("hour", self.texts["hour"])
        self._minutes = next_table("minute", self.texts["minute"])
        self._seconds = next_table("second", self.texts["second"])
        self._first = (self._hours[0], self._minutes[0], self._seconds[0])
        self._months = frozenset(values("month", self.texts["month"]))
        self._always = all(text == "*" for text in expressions[:5])
        self._masks: dict[tuple[int, bool, bool], tuple[int, ...]] = {}
        hour = self.texts["hour"]
        self.elapsed = any(part.strip().startswith("*") for part in hour.split(",")) or len(values("hour", hour)) == 24

    def next(self, wall: datetime) -> datetime | None:
        """Return the first wall time that is not before `wall` (naive, whole seconds); None if there is none."""
        if self._always or self.has_day(wall.year, wall.month, wall.day):
            _hour, first_minute, first_second = self._first
            hour = self._hours[wall.hour]
            if hour == wall.hour:
                minute = self._minutes[wall.minute]
                if minute == wall.minute:
                    second = self._seconds[wall.second]
                    if second < 60:
                        return wall.replace(second=second)
                    minute = self._minutes[minute + 1]
                if minute < 60:
                    return wall.replace(minute=minute, second=first_second)
                hour = self._hours[hour + 1]
            if hour < 24:
                return wall.replace(hour=hour, minute=first_minute, second=first_second)
        return self._next_day(wall)

    def has_day(self, year: int, month: int, day: int) -> bool:
        if not self._year_masks(year)[month] >> day & 1:
            return False
        return self.texts["year"] == "*" or next_year(self.texts["year"], year) == year

    def _next_day(self, wall: datetime) -> datetime | None:
        """Return the first matching time of the first matching day after that of `wall`."""
        hour, minute, second = self._first
        if self._always:
            if wall.year == _LAST_YEAR and wall.month == 12 and wall.day == 31:
                return None
            return (wall + _DAY).replace(hour=hour, minute=minute, second=second)
        month, day = wall.month, wall.day
        year = next_year(self.texts["year"], wall.year)
        if year != wall.year:
            month, day = 1, 0
        last = wall.year + _CYCLE if self.texts["year"] == "*" else _LAST_YEAR
        while year is not None and year <= last:
            masks = self._year_masks(year)
            if masks[0]:
                rest = masks[month] >> (day + 1)
                if rest:
                    return datetime(year, month, day + (rest & -rest).bit_length(), hour, minute, second)  # noqa: DTZ001 - a wall time
                for later in range(month + 1, 13):
                    mask = masks[later]
                    if mask:
                        return datetime(year, later, (mask & -mask).bit_length() - 1, hour, minute, second)  # noqa: DTZ001 - a wall time
            month, day = 1, 0
            year = next_year(self.texts["year"], year + 1)
        return None

    def _year_masks(self, year: int) -> tuple[int, ...]:
        """Return the matching days (bits 1 to 31) of months 1 to 12, and at 0 whether there are any.

        At most 21 kinds of year exist, so that a schedule without any day is found out at once.
        """
        kind = year_kind(year)
        found = self._masks.get(kind)
        if found is None:
            found = self._masks[kind] = self._compute_masks(year, kind)
        return found

    def _compute_masks(self, year: int, kind: tuple[int, bool, bool]) -> tuple[int, ...]:
        texts = self.texts
        weeks = None if texts["week"] == "*" else week_masks(texts["week"], kind, _sample_year(kind))
        masks = [0] * 13
        first_weekday, leap, _ = kind
        for month in range(1, 13):
            days = 29 if leap and month == 2 else _DAYS[month]
            if month in self._months:
                by_day = month_mask("day", texts["day"], first_weekday, days)
                by_weekday = month_mask("day_of_week", texts["day_of_week"], first_weekday, days)
                mask = by_day | by_weekday if self._either else by_day & by_weekday
                masks[month] = mask if weeks is None else mask & weeks[month]
            first_weekday = (first_weekday + days) % 7
        masks[0] = int(any(masks))
        return tuple(masks)


_DAYS = (0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


@cache
def _sample_year(kind: tuple[int, bool, bool]) -> int:
    """Return one year of a kind, so that equal kinds share their week tables."""
    return next(year for year in range(2000, 2400) if year_kind(year) == kind)


@lru_cache(maxsize=8192)
def wall_calendar(expressions: tuple[str, ...], either: bool) -> WallCalendar:
    """Return the calendar of these expressions; equal ones are shared."""
    return WallCalendar(expressions, either)
