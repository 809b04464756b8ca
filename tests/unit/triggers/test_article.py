"""The schedules of the article that many people know APScheduler from: their next 20 firings, found by brute force."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.triggers import describe, trigger_from_arguments, upcoming

from .brute import Matches, next_walls

ZONE = "Asia/Shanghai"
AFTER = datetime(2026, 11, 23, 0, 0)
MINUTE, TEN_SECONDS = timedelta(minutes=1), timedelta(seconds=10)


def third_friday(at: datetime) -> bool:
    return at.weekday() == 4 and 15 <= at.day <= 21


CASES = {
    "Monday to Friday at 06:30": (
        {"day_of_week": "mon-fri", "hour": 6, "minute": 30},
        lambda at: at.weekday() < 5 and (at.hour, at.minute) == (6, 30),
        MINUTE,
    ),
    "every day at 01:05": (
        {"hour": 1, "minute": 5},
        lambda at: (at.hour, at.minute) == (1, 5),
        MINUTE,
    ),
    "at minute 23 of hours 19 to 21, every day": (
        {"hour": "19-21", "minute": "23"},
        lambda at: 19 <= at.hour <= 21 and at.minute == 23,
        MINUTE,
    ),
    "every minute of hour 14 in January, March, May, July to September": (
        {"month": "1,3,5,7-9", "hour": "14", "minute": "*"},
        lambda at: at.month in (1, 3, 5, 7, 8, 9) and at.hour == 14,
        MINUTE,
    ),
    "the third Friday of June to August and November to December, at 00:00, 01:00, 02:00 and 03:00": (
        {"month": "6-8,11-12", "day": "3rd fri", "hour": "0-3"},
        lambda at: at.month in (6, 7, 8, 11, 12) and third_friday(at) and at.hour < 4 and at.minute == 0,
        MINUTE,
    ),
    "Monday to Friday at 09:30:10": (
        {"day_of_week": "mon-fri", "hour": 9, "minute": 30, "second": 10},
        lambda at: at.weekday() < 5 and (at.hour, at.minute, at.second) == (9, 30, 10),
        TEN_SECONDS,
    ),
}


@pytest.mark.parametrize("words", CASES)
def test_the_next_20_firings_of_a_cron_schedule(words: str) -> None:
    arguments, matches, step = CASES[words]
    trigger = trigger_from_arguments("cron", arguments, timezone=ZONE)
    expected = next_walls(matches, AFTER, 20, step)
    found = upcoming(trigger, 20, after=AFTER.replace(tzinfo=ZoneInfo(ZONE)))
    assert [at.replace(tzinfo=None) for at in found] == expected
    assert {at.utcoffset() for at in found} == {timedelta(hours=8)}
    assert describe(trigger) == words


@pytest.mark.parametrize(
    ("crontab", "matches"),
    [
        ("30 6 * * 1-5", CASES["Monday to Friday at 06:30"][1]),
        ("5 1 * * *", CASES["every day at 01:05"][1]),
        ("23 19-21 * * *", CASES["at minute 23 of hours 19 to 21, every day"][1]),
        ("* 14 * 1,3,5,7-9 *", lambda at: at.month in (1, 3, 5, 7, 8, 9) and at.hour == 14),
    ],
)
def test_the_same_as_crontab_lines(crontab: str, matches: Matches) -> None:
    trigger = trigger_from_arguments(None, {}, crontab=crontab, timezone=ZONE)
    found = upcoming(trigger, 20, after=AFTER.replace(tzinfo=ZoneInfo(ZONE)))
    assert [at.replace(tzinfo=None) for at in found] == next_walls(matches, AFTER, 20, MINUTE)


def test_every_300_seconds() -> None:
    start = datetime(2026, 11, 23, 8, 0, 7, tzinfo=UTC)
    trigger = trigger_from_arguments("interval", {"seconds": 300, "start_date": start.isoformat()}, timezone=ZONE)
    assert upcoming(trigger, 20, after=start) == [start + timedelta(seconds=300 * n) for n in range(1, 21)]
    assert describe(trigger) == "every 5 minutes"


def test_every_two_hours_between_two_dates() -> None:
    arguments = {"hours": 2, "start_date": "2026-12-01 09:30:00", "end_date": "2026-12-03 11:00:00"}
    trigger = trigger_from_arguments("interval", arguments, timezone=ZONE)
    first = datetime(2026, 12, 1, 9, 30)
    last = datetime(2026, 12, 3, 11, 0)
    expected = [first + timedelta(hours=2 * n) for n in range(30) if first + timedelta(hours=2 * n) <= last]
    assert len(expected) == 25
    after = AFTER.replace(tzinfo=ZoneInfo(ZONE))
    assert [at.replace(tzinfo=None) for at in upcoming(trigger, 20, after=after)] == expected[:20]
    assert [at.replace(tzinfo=None) for at in upcoming(trigger, 99, after=after)] == expected
    assert describe(trigger) == "every 2 hours from 2026-12-01 09:30 until 2026-12-03 11:00"


def test_the_articles_numeric_weekdays_are_tuesday_to_saturday() -> None:
    trigger = trigger_from_arguments("cron", {"day_of_week": "1-5", "hour": 6, "minute": 30}, timezone=ZONE)
    found = upcoming(trigger, 20, after=AFTER.replace(tzinfo=ZoneInfo(ZONE)))
    expected = next_walls(lambda at: 1 <= at.weekday() <= 5 and (at.hour, at.minute) == (6, 30), AFTER, 20, MINUTE)
    assert [at.replace(tzinfo=None) for at in found] == expected
    assert describe(trigger) == "Tuesday to Saturday at 06:30"
