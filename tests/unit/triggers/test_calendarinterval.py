"""Calendar intervals, held against counting date by date."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger as LibraryTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.exceptions import InvalidTrigger
from scheduler.triggers import CalendarIntervalTrigger, next_fire_time, upcoming

from .brute import utc


def counted(start: date, months: int, days: int, until: date) -> list[date]:
    """Return the dates from start on: add months until the day exists, then days."""
    found = [start]
    while found[-1] < until:
        at = found[-1]
        year, month = at.year, at.month
        while True:
            month += months
            year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
            try:
                at = at.replace(year=year, month=month)
            except ValueError:
                continue
            break
        found.append(at + timedelta(days=days))
    return found


@settings(max_examples=200, deadline=None)
@given(
    start=st.dates(date(1990, 1, 1), date(2026, 1, 1)),
    parts=st.tuples(st.integers(0, 3), st.integers(0, 14), st.integers(0, 3), st.integers(0, 40)).filter(any),
    on=st.dates(date(1989, 1, 1), date(2040, 1, 1)),
    hour=st.integers(0, 23),
)
def test_dates_are_counted_from_the_start(start: date, parts: tuple[int, int, int, int], on: date, hour: int) -> None:
    years, months, weeks, days = parts
    trigger = CalendarIntervalTrigger(
        years=years, months=months, weeks=weeks, days=days, hour=hour, start_date=start, timezone="UTC"
    )
    after = utc(on.year, on.month, on.day, 12)
    table = counted(start, 12 * years + months, 7 * weeks + days, date(2100, 1, 1))
    times = [datetime(at.year, at.month, at.day, hour, tzinfo=after.tzinfo) for at in table]
    assert upcoming(trigger, 3, after=after) == [at for at in times if at > after][:3]


def test_the_31st_skips_months_without_one() -> None:
    trigger = CalendarIntervalTrigger(months=1, start_date="2026-01-31", timezone="UTC")
    assert [at.month for at in upcoming(trigger, 5, after=utc(2026, 1, 1))] == [1, 3, 5, 7, 8]


def test_the_leap_day_is_found_over_the_turn_of_a_century() -> None:
    trigger = CalendarIntervalTrigger(years=1, start_date="2096-02-29", timezone="UTC")
    assert [at.year for at in upcoming(trigger, 3, after=utc(2026, 1, 1))] == [2096, 2104, 2108]


def test_the_end_is_a_date_and_included() -> None:
    trigger = CalendarIntervalTrigger(
        days=1, hour=23, start_date="2026-01-01", end_date="2026-01-03", timezone="Europe/Berlin"
    )
    assert [at.day for at in upcoming(trigger, 9, after=utc(2025, 1, 1))] == [1, 2, 3]


def test_it_ends_with_the_calendar() -> None:
    trigger = CalendarIntervalTrigger(years=4000, start_date="2026-01-01", timezone="UTC")
    assert [at.year for at in upcoming(trigger, 9, after=utc(2025, 1, 1))] == [2026, 6026]
    trigger = CalendarIntervalTrigger(days=1, start_date="9999-12-30", timezone="UTC")
    assert len(upcoming(trigger, 9, after=utc(2025, 1, 1))) == 2


def test_it_is_apschedulers_and_starts_today() -> None:
    trigger = CalendarIntervalTrigger(weeks=1, timezone="Asia/Tokyo")
    assert isinstance(trigger, LibraryTrigger)
    assert isinstance(trigger.start_date, date)
    now = utc(2026, 11, 23)
    assert next_fire_time(trigger, now) == trigger.get_next_fire_time(now, now)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "trigger.days"),
        ({"days": 0}, "trigger.days"),
        ({"days": -1}, "trigger.days"),
        ({"months": 1.5}, "trigger.months"),
        ({"years": True}, "trigger.years"),
        ({"years": 10**30}, "trigger.years"),
        ({"days": 1, "hour": 24}, "trigger.hour"),
        ({"days": 1, "minute": "x"}, "trigger.minute"),
        ({"days": 1, "second": False}, "trigger.second"),
        ({"days": 1, "start_date": "2026-01-01T09:00"}, "trigger.start_date"),
        ({"days": 1, "start_date": "2026-02-01", "end_date": "2026-01-01"}, "trigger.end_date"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        CalendarIntervalTrigger(**arguments, timezone="UTC")
    assert caught.value.field == field
