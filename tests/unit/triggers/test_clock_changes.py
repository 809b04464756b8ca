"""Schedules across clock changes, held against brute force over every half hour."""

from __future__ import annotations

from bisect import bisect_right
from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.base import BaseTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.triggers import (
    CalendarIntervalTrigger,
    CrontabTrigger,
    CronTrigger,
    first_fire_time,
    next_fire_time,
    upcoming,
)

from .brute import Matches, elapsed, fixed, utc

HALF_HOUR = timedelta(minutes=30)
SECOND = timedelta(seconds=1)
SPANS = {
    "Europe/Berlin": (utc(2025, 1, 1), utc(2028, 1, 1)),
    "America/New_York": (utc(2025, 1, 1), utc(2028, 1, 1)),
    "Australia/Lord_Howe": (utc(2025, 1, 1), utc(2028, 1, 1)),  # shifts by half an hour
    "Africa/Cairo": (utc(2024, 1, 1), utc(2027, 1, 1)),  # skips midnight
    "America/Sao_Paulo": (utc(2016, 1, 1), utc(2019, 1, 1)),  # skips midnight
    "Pacific/Apia": (utc(2010, 1, 1), utc(2013, 1, 1)),  # skips a whole day
    "Antarctica/Troll": (utc(2025, 1, 1), utc(2028, 1, 1)),  # shifts by two hours
    "Africa/Casablanca": (utc(2025, 1, 1), utc(2028, 1, 1)),  # goes back for Ramadan
}
FIXED: list[tuple[dict[str, object], Matches]] = [
    ({"hour": 0}, lambda at: (at.hour, at.minute) == (0, 0)),
    ({"hour": 1, "minute": 30}, lambda at: (at.hour, at.minute) == (1, 30)),
    ({"hour": 2, "minute": 30}, lambda at: (at.hour, at.minute) == (2, 30)),
    ({"hour": "1-3", "minute": "*/30"}, lambda at: 1 <= at.hour <= 3 and at.minute in (0, 30)),
    (
        {"hour": "0,2", "minute": 30, "day_of_week": "sat,sun"},
        lambda at: at.weekday() > 4 and at.hour in (0, 2) and at.minute == 30,
    ),
]
ELAPSED: list[tuple[dict[str, object], Matches]] = [
    ({"minute": "*/30"}, lambda at: at.minute in (0, 30)),
    ({"hour": "*/2"}, lambda at: at.hour % 2 == 0 and at.minute == 0),
    ({"hour": "*", "minute": 30, "day": "last"}, lambda at: (at + timedelta(days=1)).day == 1 and at.minute == 30),
]


def in_utc(at: datetime | None) -> datetime:
    """Return a firing in UTC: Python calls a time in a repeated hour unequal to any in another zone."""
    assert at is not None
    return at.astimezone(UTC)


def every(trigger: BaseTrigger, start: datetime, end: datetime) -> list[datetime]:
    found = []
    at = in_utc(next_fire_time(trigger, start - SECOND))
    while at < end:
        found.append(at)
        at = in_utc(next_fire_time(trigger, at))
    return found


@pytest.mark.parametrize("zone", SPANS)
def test_fixed_wall_times_fire_once_each(zone: str) -> None:
    start, end = SPANS[zone]
    for arguments, matches in FIXED:
        trigger = CronTrigger(**arguments, timezone=zone)
        assert every(trigger, start, end) == fixed(zone, matches, start, end, HALF_HOUR), arguments


@pytest.mark.parametrize("zone", SPANS)
def test_a_wildcard_hour_follows_elapsed_time(zone: str) -> None:
    start, end = SPANS[zone]
    for arguments, matches in ELAPSED:
        trigger = CronTrigger(**arguments, timezone=zone)
        assert every(trigger, start, end) == elapsed(zone, matches, start, end, HALF_HOUR), arguments


@pytest.mark.parametrize("zone", SPANS)
def test_crontab_lines_obey_the_same_rule(zone: str) -> None:
    start, end = SPANS[zone]
    trigger = CrontabTrigger("30 2 * * *", timezone=zone)
    assert every(trigger, start, end) == fixed(zone, FIXED[2][1], start, end, HALF_HOUR)
    trigger = CrontabTrigger("0 */2 * * *", timezone=zone)
    assert every(trigger, start, end) == elapsed(zone, ELAPSED[1][1], start, end, HALF_HOUR)


@pytest.mark.parametrize("zone", SPANS)
def test_a_calendar_interval_keeps_its_time_of_day(zone: str) -> None:
    start, end = SPANS[zone]
    origin = (start + timedelta(days=10)).date()
    trigger = CalendarIntervalTrigger(days=1, hour=2, minute=30, start_date=origin, timezone=zone)
    expected = fixed(zone, lambda at: (at.hour, at.minute) == (2, 30) and at.date() >= origin, start, end, HALF_HOUR)
    assert every(trigger, start, end) == expected


SPRING, AUTUMN = utc(2026, 3, 29, 1), utc(2026, 10, 25, 1)  # in Berlin


def test_a_skipped_time_fires_at_the_first_instant_after_the_gap() -> None:
    trigger = CronTrigger(hour=2, minute="10,30,50", timezone="Europe/Berlin")
    found = upcoming(trigger, 5, after=utc(2026, 3, 28, 1, 30))
    assert [at.isoformat() for at in found] == [
        "2026-03-28T02:50:00+01:00",
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:10:00+02:00",
        "2026-03-30T02:30:00+02:00",
        "2026-03-30T02:50:00+02:00",
    ]


def test_a_skipped_time_and_a_time_right_after_the_gap_fire_once() -> None:
    trigger = CronTrigger(hour="2,3", minute=0, timezone="Europe/Berlin")
    found = upcoming(trigger, 3, after=utc(2026, 3, 29))
    assert [at.isoformat() for at in found] == [
        "2026-03-29T03:00:00+02:00",
        "2026-03-30T02:00:00+02:00",
        "2026-03-30T03:00:00+02:00",
    ]


def test_a_repeated_time_fires_the_first_time_only() -> None:
    trigger = CronTrigger(hour=2, minute=30, timezone="Europe/Berlin")
    assert in_utc(next_fire_time(trigger, AUTUMN - timedelta(hours=1))) == AUTUMN - HALF_HOUR
    assert next_fire_time(trigger, AUTUMN - HALF_HOUR) == utc(2026, 10, 26, 1, 30)
    assert next_fire_time(trigger, AUTUMN) == utc(2026, 10, 26, 1, 30)  # in the second 02:00


def test_every_second_of_a_repeated_hour_is_found_at_once_from_inside_it() -> None:
    trigger = CronTrigger(hour=2, minute="*", second="*", timezone="Europe/Berlin")
    assert next_fire_time(trigger, AUTUMN + SECOND) == utc(2026, 10, 26, 1)


def test_with_a_wildcard_hour_a_repeated_hour_fires_twice_and_a_skipped_one_never() -> None:
    trigger = CronTrigger(minute=15, timezone="Europe/Berlin")
    quarter = timedelta(minutes=15)
    hours = [timedelta(hours=n) for n in range(-2, 3)]
    found = upcoming(trigger, 5, after=AUTUMN - timedelta(hours=2))
    assert [in_utc(at) for at in found] == [AUTUMN + hour + quarter for hour in hours]
    assert upcoming(trigger, 5, after=SPRING - timedelta(hours=2)) == [SPRING + hour + quarter for hour in hours]


@settings(max_examples=150, deadline=None)
@given(
    zone=st.sampled_from(sorted(SPANS)),
    hours=st.sets(st.integers(0, 23), min_size=1, max_size=4),
    halves=st.sets(st.sampled_from([0, 30]), min_size=1),
    wildcard=st.booleans(),
    day=st.integers(0, 1085),
    seconds=st.integers(0, 86400 * 4),
)
def test_any_start_finds_the_same_firings(
    zone: str, hours: set[int], halves: set[int], wildcard: bool, day: int, seconds: int
) -> None:
    start = SPANS[zone][0] + timedelta(days=day)
    end = start + timedelta(days=6)
    hour = "*" if wildcard else ",".join(map(str, sorted(hours)))
    trigger = CronTrigger(hour=hour, minute=",".join(map(str, sorted(halves))), timezone=zone)
    if wildcard:
        table = elapsed(zone, lambda at: at.minute in halves, start, end, HALF_HOUR)
    else:
        table = fixed(zone, lambda at: at.hour in hours and at.minute in halves, start, end, HALF_HOUR)
    after = start + timedelta(seconds=seconds)
    place = bisect_right(table, after)
    if place < len(table):
        assert in_utc(next_fire_time(trigger, after)) == table[place]
        assert in_utc(first_fire_time(trigger, table[place])) == table[place]
        assert in_utc(trigger.get_next_fire_time(None, table[place])) == table[place]
