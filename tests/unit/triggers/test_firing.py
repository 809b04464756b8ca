"""The functions that the engine asks: cost and results on long spans."""

from __future__ import annotations

from datetime import timedelta

import pytest

from scheduler.exceptions import PlanningError
from scheduler.triggers import (
    CronTrigger,
    first_fire_time,
    next_fire_time,
    upcoming,
)

from .brute import utc

NOW = utc(2026, 11, 23)
WEEK = timedelta(days=7)


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
    trigger.timezone = None  # type: ignore[assignment]
    with pytest.raises(PlanningError, match="the trigger failed"):
        next_fire_time(trigger, NOW)
