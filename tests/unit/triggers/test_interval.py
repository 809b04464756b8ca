"""Interval and date triggers: a grid in elapsed time, and one instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.date import DateTrigger as LibraryDateTrigger
from apscheduler.triggers.interval import IntervalTrigger as LibraryIntervalTrigger
from hypothesis import given
from hypothesis import strategies as st

from scheduler.exceptions import InvalidTrigger
from scheduler.triggers import (
    DateTrigger,
    IntervalTrigger,
    check_fires,
    first_fire_time,
    next_fire_time,
    upcoming,
)

from .brute import utc

START = utc(2026, 1, 1)


@given(
    interval=st.integers(10**6, 10**13),
    before=st.integers(-(10**14), 10**15),
)
def test_firings_are_on_the_grid_whatever_fired_before(interval: int, before: int) -> None:
    trigger = IntervalTrigger(seconds=interval / 10**6, start_date=START, timezone="Europe/Berlin")
    step = trigger.interval
    after = START + timedelta(microseconds=before)
    found = next_fire_time(trigger, after)
    assert found is not None
    found = found.astimezone(UTC)
    assert found > after
    assert found == START or (found - START) % step == timedelta(0)
    assert found == START or found - step <= after


def test_the_start_itself_is_a_firing() -> None:
    trigger = IntervalTrigger(hours=1, start_date=START, timezone="UTC")
    assert next_fire_time(trigger, START - timedelta(days=3)) == START
    assert first_fire_time(trigger, START) == START
    assert next_fire_time(trigger, START) == START + timedelta(hours=1)


def test_without_a_start_the_first_firing_is_one_interval_away() -> None:
    before = datetime.now(UTC)
    first = first_fire_time(IntervalTrigger(seconds=30, timezone="UTC"), before)
    assert first is not None
    assert timedelta(seconds=30) <= first - before <= timedelta(seconds=32)
    assert first.microsecond == 0


def test_days_are_24_hours_across_a_clock_change() -> None:
    trigger = IntervalTrigger(days=1, start_date="2026-03-28 09:00", timezone="Europe/Berlin")
    assert [at.hour for at in upcoming(trigger, 3, after=utc(2026, 3, 1))] == [9, 10, 10]


def test_the_end_is_included() -> None:
    trigger = IntervalTrigger(seconds=10, start_date=START, end_date=START + timedelta(seconds=20), timezone="UTC")
    assert len(upcoming(trigger, 9, after=START - timedelta(days=1))) == 3


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({}, "seconds"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": 0.5}, "seconds"),
        ({"seconds": -5}, "seconds"),
        ({"minutes": 1, "seconds": -5}, "seconds"),
        ({"seconds": True}, "seconds"),
        ({"minutes": False, "seconds": 5}, "minutes"),
        ({"seconds": "many"}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": float("inf")}, "seconds"),
        ({"seconds": 10**400}, "seconds"),
        ({"seconds": "9" * 5000}, "seconds"),
        ({"weeks": 10**9}, "weeks"),
        ({"days": 36526}, "days"),
        ({"hours": []}, "hours"),
    ],
)
def test_an_interval_that_is_none(arguments: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        IntervalTrigger(**arguments, timezone="UTC")
    assert caught.value.field == f"trigger.{field}"
    assert caught.value.mend


@pytest.mark.parametrize("seconds", ["300", " 300 ", 300.0, "300.0", 300])
def test_numbers_may_be_text(seconds: Any) -> None:
    assert IntervalTrigger(seconds=seconds, timezone="UTC").interval == timedelta(minutes=5)


def test_they_are_apschedulers() -> None:
    assert isinstance(IntervalTrigger(seconds=5, timezone="UTC"), LibraryIntervalTrigger)
    assert isinstance(DateTrigger(START, timezone="UTC"), LibraryDateTrigger)
    assert IntervalTrigger(minutes=5, timezone="UTC").interval_length == 300


def test_a_date_fires_once() -> None:
    trigger = DateTrigger("2026-12-01 09:00", timezone="Europe/Berlin")
    assert next_fire_time(trigger, START) == utc(2026, 12, 1, 8)
    assert next_fire_time(trigger, utc(2026, 12, 1, 8)) is None
    assert trigger.get_next_fire_time(None, utc(2030, 1, 1)) == utc(2026, 12, 1, 8)
    assert trigger.get_next_fire_time(utc(2026, 12, 1, 8), utc(2026, 12, 1, 8)) is None


def test_a_date_in_the_past_is_still_the_first_firing_of_a_new_job() -> None:
    trigger = DateTrigger("2020-01-01", timezone="UTC")
    assert first_fire_time(trigger, START) == utc(2020, 1, 1)
    assert first_fire_time(LibraryDateTrigger(utc(2020, 1, 1)), START) == utc(2020, 1, 1)
    check_fires(trigger, now=START)


def test_an_interval_over_in_the_past_is_refused() -> None:
    trigger = IntervalTrigger(seconds=5, start_date="2020-01-01", end_date="2020-02-01", timezone="UTC")
    with pytest.raises(InvalidTrigger, match=r"trigger\.end_date.*has passed"):
        check_fires(trigger, now=START)


@pytest.mark.parametrize("value", ["tomorrow", 5, True, [], "2026-13-01", "10000-01-01", ""])
def test_a_date_that_is_none(value: Any) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        DateTrigger(value, timezone="UTC")
    assert caught.value.field == "trigger.run_date"


@pytest.mark.parametrize(
    "value",
    [
        "2026-12-01T09:00",
        "2026-12-01 9:00:00",
        "2026-12-01T08:00Z",
        "2026-12-01T10:00:00+02:00",
        datetime(2026, 12, 1, 9),
        datetime(2026, 12, 1, 8, tzinfo=UTC),
    ],
)
def test_dates_come_in_many_forms(value: Any) -> None:
    assert DateTrigger(value, timezone="Europe/Berlin").run_date == utc(2026, 12, 1, 8)
