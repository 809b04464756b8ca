"""Firings by hour: what is computed equals what is found by walking from firing to firing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.triggers import counting, hourly, next_fire_time, trigger_from_data

from .brute import utc

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Asia/Kathmandu", "Australia/Lord_Howe", "+05:17"]
STARTS = [utc(2026, 3, 28, 10), utc(2026, 10, 24, 10), utc(2026, 11, 1, 2), utc(2026, 4, 4, 9, 30), utc(2026, 7, 1)]
"""Around clock changes of these zones, and far from any."""
HOURS = 60


def walked(trigger: Any, start: datetime, hours: int, after: datetime) -> list[int]:
    counts, end = [0] * hours, start + timedelta(hours=hours)
    moment = next_fire_time(trigger, max(after, start - timedelta(microseconds=1)))
    while moment is not None and moment < end:
        counts[(moment - start) // timedelta(hours=1)] += 1
        moment = next_fire_time(trigger, moment)
    return counts


def part(low: int, high: int) -> st.SearchStrategy[str]:
    value = st.integers(low, high).map(str)
    step = st.integers(1, high).map(lambda n: f"*/{n}")
    return st.one_of(st.just("*"), value, step, st.lists(value, min_size=1, max_size=3).map(",".join))


CRONS = st.fixed_dictionaries(
    {
        "type": st.just("cron"),
        "hour": part(0, 23),
        "minute": part(0, 59),
        "second": st.sampled_from(["0", "7,30", "59"]),
    },
    optional={"day_of_week": part(0, 6), "day": part(1, 28)},
)
MINUTES = st.integers(-90, 90).map(lambda n: timedelta(minutes=n, microseconds=n * 7))


@settings(max_examples=100, deadline=None)
@given(CRONS, st.sampled_from(ZONES), st.sampled_from(STARTS), MINUTES)
def test_a_cron_schedule_is_counted_as_it_fires(
    data: dict[str, Any], zone: str, start: datetime, shift: timedelta
) -> None:
    trigger = trigger_from_data(data, timezone=zone)
    after = start + shift
    assert hourly(trigger, start, HOURS, after=after) == (walked(trigger, start, HOURS, after), True)


@pytest.mark.parametrize("hour", ["2", "1,2,3", "*", "*/2"])
@pytest.mark.parametrize(
    ("zone", "start"),
    [
        ("Europe/Berlin", utc(2026, 3, 28, 20)),
        ("Europe/Berlin", utc(2026, 10, 24, 20)),
        ("Australia/Lord_Howe", utc(2026, 10, 3, 10)),
        ("Australia/Lord_Howe", utc(2026, 4, 4, 10)),
    ],
)
@pytest.mark.parametrize("shift", [0, 250, 312, 340])
def test_hours_that_clock_changes_skip_and_repeat(hour: str, zone: str, start: datetime, shift: int) -> None:
    trigger = trigger_from_data({"type": "cron", "hour": hour, "minute": "*/10"}, timezone=zone)
    after = start + timedelta(minutes=shift)
    assert hourly(trigger, start, 12, after=after) == (walked(trigger, start, 12, after), True)


@settings(max_examples=60, deadline=None)
@given(st.integers(20, 30_000), st.sampled_from(STARTS), MINUTES, st.booleans())
def test_an_interval_is_counted_as_it_fires(seconds: int, start: datetime, shift: timedelta, ends: bool) -> None:
    data: dict[str, Any] = {"type": "interval", "seconds": seconds, "start_date": (start + shift).isoformat()}
    if ends:
        data["end_date"] = (start + shift + 33 * timedelta(seconds=seconds)).isoformat()
    trigger = trigger_from_data(data, timezone="UTC")
    after = start + 2 * shift
    assert hourly(trigger, start, HOURS, after=after) == (walked(trigger, start, HOURS, after), True)


def test_start_and_end_dates_bound_a_cron_schedule_to_the_second() -> None:
    data = {
        "type": "cron",
        "minute": "*",
        "start_date": "2026-07-01T01:10:00+00:00",
        "end_date": "2026-07-01T02:05:00+00:00",
    }
    trigger = trigger_from_data(data, timezone="UTC")
    assert hourly(trigger, utc(2026, 7, 1), 4, after=utc(2026, 6, 1))[0] == [0, 50, 6, 0]


def test_a_job_of_every_second_costs_no_walk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST", 0)
    for data in ({"type": "interval", "seconds": 1}, {"type": "cron", "second": "*"}):
        trigger = trigger_from_data({**data, "start_date": "2026-01-01T00:00:00"}, timezone="Europe/Berlin")
        counts, whole = hourly(trigger, utc(2026, 7, 1), 168, after=utc(2026, 7, 1) - timedelta(seconds=1))
        assert (set(counts), whole) == ({3_600}, True)


@pytest.mark.parametrize(
    "data",
    [
        {"type": "date", "run_date": "2026-07-01T03:00:00"},
        {"type": "calendarinterval", "days": 1, "hour": 5, "start_date": "2026-06-01"},
        {"type": "and", "triggers": [{"type": "cron", "hour": "*/2"}, {"type": "cron", "day_of_week": "wed"}]},
        {"type": "or", "triggers": [{"type": "cron", "hour": 6}, {"type": "cron", "hour": "6,7"}]},
        {"type": "interval", "hours": 2, "start_date": "2026-06-01T00:59:50", "jitter": 60},
    ],
)
def test_what_can_only_be_found_by_looking_is_looked_at(data: dict[str, Any]) -> None:
    trigger, start = trigger_from_data(data, timezone="UTC"), utc(2026, 7, 1)
    after = start - timedelta(microseconds=1)
    assert hourly(trigger, start, 48, after=after) == (walked(trigger, start, 48, after), True)


def test_a_busy_combination_is_the_sum_of_its_parts() -> None:
    every = [{"type": "cron", "minute": "*"}, {"type": "interval", "minutes": 1, "start_date": "2026-01-01T00:00:30"}]
    trigger = trigger_from_data({"type": "or", "triggers": every}, timezone="UTC")
    assert hourly(trigger, utc(2026, 7, 1), 3, after=utc(2026, 6, 30)) == ([120, 120, 120], True)


def test_what_can_only_be_counted_one_by_one_ends_and_says_so() -> None:
    data = {"type": "and", "triggers": [{"type": "cron", "minute": "*"}, {"type": "cron", "month": "*"}]}
    data["triggers"][1] = {"type": "cron", "minute": "*/2"}
    counts, whole = hourly(trigger_from_data(data, timezone="UTC"), utc(2026, 7, 1), 168, after=utc(2026, 6, 30))
    assert (sum(counts), whole) == (counting.MOST, False)
