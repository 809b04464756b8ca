"""Warnings about valid triggers that may not mean what was meant."""

from __future__ import annotations

import pytest
from apscheduler.triggers.base import BaseTrigger

from scheduler.triggers import (
    CalendarIntervalTrigger,
    CrontabTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
)
from scheduler.triggers import warnings as advice

from .brute import utc

NOW = utc(2026, 6, 1)


def test_numeric_weekdays_are_explained() -> None:
    trigger = CronTrigger(day_of_week="1-5", hour=6, minute=30, timezone="UTC")
    assert advice(trigger, now=NOW) == [
        "day_of_week='1-5' means Tuesday to Saturday in APScheduler (0 is Monday). "
        "For Monday to Friday write 'mon-fri' or crontab='…'."
    ]


@pytest.mark.parametrize(
    ("trigger", "part"),
    [
        (CronTrigger(day_of_week=6, timezone="UTC"), "means Sunday"),
        (CronTrigger(day_of_week="*/2", timezone="UTC"), "For Tuesday, Thursday, Saturday and Sunday"),
        (CrontabTrigger("0 0 13 * 5", timezone="UTC"), "also on every Friday"),
        (CrontabTrigger("0 0 31 * *", timezone="UTC"), "Day 31 does not exist in February, April, June"),
        (CronTrigger(day=30, timezone="UTC"), "Day 30 does not exist in February"),
        (CronTrigger(month=2, day=29, timezone="UTC"), "leap years only"),
        (CronTrigger(day="5th fri", timezone="UTC"), "Most months have no 5th fri"),
        (CronTrigger(timezone="UTC"), "every second"),
        (CalendarIntervalTrigger(months=1, start_date="2026-01-31", timezone="UTC"), "day 31"),
        (IntervalTrigger(days=1, timezone="Europe/Berlin"), "elapsed time"),
        (IntervalTrigger(seconds=5, jitter=60, timezone="UTC"), "jitter is larger"),
        (
            CronTrigger(hour=2, minute=30, timezone="Europe/Berlin"),
            "On 2027-03-28 Europe/Berlin skips 02:30: fires at 03:00",
        ),
        (CronTrigger(hour=2, minute=30, timezone="Europe/Berlin"), "On 2026-10-25 Europe/Berlin has 02:30 twice"),
        (
            CalendarIntervalTrigger(days=1, hour=2, minute=30, start_date="2026-01-01", timezone="Europe/Berlin"),
            "twice",
        ),
        (CronTrigger(hour=0, timezone="Africa/Cairo"), "skips 00:00: fires at 01:00"),
        (OrTrigger([CronTrigger(day_of_week="1-5", timezone="UTC")]), "Tuesday to Saturday"),
    ],
)
def test_what_is_warned_about(trigger: BaseTrigger, part: str) -> None:
    assert any(part in sentence for sentence in advice(trigger, now=NOW)), advice(trigger, now=NOW)


@pytest.mark.parametrize(
    "trigger",
    [
        CronTrigger(day_of_week="mon-fri", hour=6, timezone="Europe/Berlin"),
        CronTrigger(day_of_week="0-6", hour=6, timezone="UTC"),
        CronTrigger(day="last", hour=6, timezone="UTC"),
        CronTrigger(day="28-31", hour=6, timezone="UTC"),
        CronTrigger(day=31, month="1,3,5", hour=6, timezone="UTC"),
        CrontabTrigger("30 6 * * 1-5", timezone="Europe/Berlin"),
        CrontabTrigger("*/30 * * * *", timezone="Europe/Berlin"),
        CrontabTrigger("0 0 */2 * 1", timezone="UTC"),
        IntervalTrigger(days=1, timezone="UTC"),
        IntervalTrigger(hours=1, jitter=60, timezone="Europe/Berlin"),
        DateTrigger("2026-12-01", timezone="Europe/Berlin"),
        CalendarIntervalTrigger(years=1, start_date="2026-01-31", timezone="UTC"),
    ],
)
def test_plain_triggers_have_no_warnings(trigger: BaseTrigger) -> None:
    assert advice(trigger, now=NOW) == []
