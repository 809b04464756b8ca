"""The functions that the engine asks: cost and results on long spans."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.exceptions import PlanningError
from scheduler.triggers import (
    CrontabTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    first_fire_time,
    latest_fire_time,
    next_fire_time,
    upcoming,
)

from .brute import utc

NOW = utc(2026, 11, 23)
WEEK = timedelta(days=7)


@settings(max_examples=100, deadline=None)
@given(
    seconds=st.integers(1, 5000),
    span=st.integers(0, 20000),
    offset=st.integers(0, 5000),
    jitter=st.none() | st.integers(1, 50),
)
def test_the_latest_firing_is_the_last_of_all(seconds: int, span: int, offset: int, jitter: int | None) -> None:
    start = NOW + timedelta(seconds=offset)
    trigger = IntervalTrigger(seconds=seconds, start_date=start, jitter=jitter, timezone="UTC")
    until = NOW + timedelta(seconds=span)
    firings = []
    at = next_fire_time(trigger, NOW)
    while at is not None and at <= until and len(firings) < 300:
        firings.append(at)
        at = next_fire_time(trigger, at)
    if len(firings) < 300:
        assert latest_fire_time(trigger, NOW, until) == (firings[-1] if firings else None)


def test_the_span_is_open_at_its_start_and_closed_at_its_end() -> None:
    trigger = CronTrigger(hour=0, timezone="UTC")
    day = timedelta(days=1)
    assert latest_fire_time(trigger, NOW, NOW) is None
    assert latest_fire_time(trigger, NOW, NOW + day) == NOW + day
    assert latest_fire_time(trigger, NOW, NOW + 3 * day - timedelta(microseconds=1)) == NOW + 2 * day
    assert latest_fire_time(trigger, NOW, NOW - day) is None
    assert latest_fire_time(DateTrigger(NOW, timezone="UTC"), NOW - day, NOW + day) == NOW


def test_the_first_firing_may_be_now() -> None:
    trigger = CronTrigger(hour=0, timezone="UTC")
    assert first_fire_time(trigger, NOW) == NOW
    assert next_fire_time(trigger, NOW) == NOW + timedelta(days=1)


def test_upcoming_stops_at_the_end() -> None:
    trigger = CronTrigger(hour=0, end_date=NOW + timedelta(days=2), timezone="UTC")
    assert upcoming(trigger, 5, after=NOW) == [NOW + timedelta(days=1), NOW + timedelta(days=2)]
    assert upcoming(trigger, 0, after=NOW) == []


def test_firings_are_shown_in_the_triggers_zone() -> None:
    found = next_fire_time(CronTrigger(hour=9, timezone="Asia/Tokyo"), NOW)
    assert found is not None
    assert found.isoformat() == "2026-11-24T09:00:00+09:00"


def test_a_trigger_that_fails_is_a_planning_error() -> None:
    trigger = CronTrigger(hour=9, timezone="UTC")
    trigger.timezone = None
    with pytest.raises(PlanningError, match="the trigger failed"):
        next_fire_time(trigger, NOW)


def fastest(call: Callable[[], Any], times: int) -> float:
    """Return the seconds of the fastest of several rounds, for each call."""
    rounds = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(times):
            call()
        rounds.append((time.perf_counter() - start) / times)
    return min(rounds)


@pytest.mark.parametrize(
    "trigger",
    [
        CrontabTrigger("30 6 * * 1-5", timezone="Europe/Berlin"),
        CrontabTrigger("*/5 * * * *", timezone="Europe/Berlin"),
        IntervalTrigger(seconds=300, start_date="2026-01-01", timezone="Europe/Berlin"),
    ],
    ids=str,
)
def test_planning_is_cheap(trigger: Any) -> None:
    assert fastest(lambda: next_fire_time(trigger, NOW), 500) < 50e-6


def test_a_week_of_missed_seconds_is_passed_over_in_a_moment() -> None:
    trigger = IntervalTrigger(seconds=1, start_date="2026-01-01", timezone="UTC")
    assert latest_fire_time(trigger, NOW, NOW + WEEK) == NOW + WEEK
    assert fastest(lambda: latest_fire_time(trigger, NOW, NOW + WEEK), 20) < 5e-3
