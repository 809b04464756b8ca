"""How often a trigger fires, and what a clock change has to do with one firing."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from scheduler.triggers import pace, touched, trigger_from_data, upcoming

START = datetime(2027, 1, 4, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("data", "per_day", "shortest"),
    [
        ({"type": "cron", "hour": 6}, 1, DAY),
        ({"type": "cron", "crontab": "30 6 * * 1-5"}, 5 / 7, DAY),
        ({"type": "cron", "hour": "8-11", "minute": 0}, 4, timedelta(hours=1)),
        ({"type": "interval", "seconds": 1, "start_date": "2027-01-01"}, 86_400, timedelta(seconds=1)),
        ({"type": "interval", "weeks": 1, "start_date": "2027-01-01"}, 1 / 7, timedelta(weeks=1)),
        ({"type": "cron", "day": 1}, 12 / 365, timedelta(days=28)),
        ({"type": "date", "run_date": "2030-01-01"}, 0, None),
        ({"type": "cron", "hour": 6, "end_date": "2027-01-03"}, 0, None),
        ({"type": "cron", "hour": 6, "end_date": "2027-01-06T12:00"}, 1, DAY),
    ],
)
def test_the_pace_is_counted_from_the_firings(data: dict[str, Any], per_day: float, shortest: timedelta | None) -> None:
    found = pace(trigger_from_data(data, timezone="UTC"), after=START)
    assert found.per_day == pytest.approx(per_day, rel=0.02) and found.shortest == shortest


def test_counting_takes_a_moment_at_most() -> None:
    slow = {"type": "and", "triggers": [{"type": "cron", "second": "*"}, {"type": "cron", "day": 29, "month": 2}]}
    started = time.monotonic()
    pace(trigger_from_data(slow, timezone="UTC"), after=START)
    assert time.monotonic() - started < 1


def changes(data: dict[str, Any], after: str, zone: str = "Europe/Berlin") -> list[str]:
    firings = upcoming(trigger_from_data(data, timezone=zone), 3, after=datetime.fromisoformat(after))
    return [touched(firing, before) for before, firing in zip([None, *firings], firings, strict=False)]


def test_a_firing_that_a_clock_change_touches_is_told() -> None:
    daily = {"type": "cron", "hour": 2, "minute": 30}
    forward = "clocks go forward at this moment"
    first, second = ("this time comes twice that day: the first one", "this time comes twice that day: the second one")
    back = "clocks have gone back before it"
    assert changes(daily, "2027-03-27T00:00+01:00") == ["", forward, ""]
    assert changes(daily, "2027-10-30T00:00+02:00") == ["", first, back]
    assert changes({"type": "cron", "minute": 30}, "2027-10-31T01:45+02:00") == [first, second, ""]
    noon = {"type": "cron", "hour": 12}
    assert changes(noon, "2027-03-27T00:00+01:00") == ["", "clocks have gone forward before it", ""]
    assert changes(noon, "2027-03-27T00:00+01:00", "UTC") == ["", "", ""]
