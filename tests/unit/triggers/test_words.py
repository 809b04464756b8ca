"""Schedules in words, computed from the real trigger."""

from __future__ import annotations

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger as LibraryCronTrigger

from scheduler.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CrontabTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
    describe,
)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("* * * * *", "every minute"),
        ("*/5 * * * *", "every 5 minutes"),
        ("0-59/5 * * * *", "every 5 minutes"),
        ("*/7 * * * *", "at minutes 0 to 56 in steps of 7 of every hour"),
        ("0 * * * *", "every hour"),
        ("@hourly", "every hour"),
        ("23 * * * *", "at minute 23 of every hour"),
        ("0,30 * * * *", "every 30 minutes"),
        ("5,20 * * * *", "at minutes 5 and 20 of every hour"),
        ("0 */2 * * *", "every 2 hours"),
        ("30 6 * * 1-5", "Monday to Friday at 06:30"),
        ("30 6 * * 1", "every Monday at 06:30"),
        ("0 8 * * 0,6", "Saturday and Sunday at 08:00"),
        ("0 8 * * 1,3,5", "Monday, Wednesday and Friday at 08:00"),
        ("0 8,20 * * *", "every day at 08:00 and 20:00"),
        ("0 9-17 * * 1-5", "every hour from 09:00 to 17:00, Monday to Friday"),
        ("*/10 9-17 * * 1-5", "every 10 minutes of hours 9 to 17, Monday to Friday"),
        ("23 19-21 * * 1-5", "Monday to Friday, at minute 23 of hours 19 to 21"),
        ("@daily", "every day at 00:00"),
        ("@weekly", "every Sunday at 00:00"),
        ("@monthly", "day 1 of every month, at 00:00"),
        ("@yearly", "day 1 of January, at 00:00"),
        ("0 0 13 * 5", "day 13 of every month or any Friday, at 00:00"),
        ("0 0 1,15 * 1,3", "days 1 and 15 of every month or any Monday or Wednesday, at 00:00"),
        ("0 0 */2 * 1", "days 1 to 31 in steps of 2 of every month if it is Monday, at 00:00"),
        ("5 4 * 6-8 *", "every day in June to August at 04:05"),
    ],
)
def test_crontab_lines(line: str, words: str) -> None:
    assert describe(CrontabTrigger(line, timezone="UTC")) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "every second"),
        ({"second": "*/10"}, "every 10 seconds"),
        ({"second": 5}, "at second 5 of every minute"),
        ({"second": "7,9", "minute": 4}, "at seconds 7 and 9 of minute 4 of every hour"),
        ({"second": "*", "hour": 5}, "every second of hour 5"),
        ({"day_of_week": "1-5", "hour": 6, "minute": 30}, "Tuesday to Saturday at 06:30"),
        ({"day_of_week": 6, "hour": 6}, "every Sunday at 06:00"),
        ({"day": "last", "hour": 23}, "the last day of every month, at 23:00"),
        ({"day": "last fri"}, "the last Friday of every month, at 00:00"),
        ({"day": "1st mon,15,last"}, "day 15, the first Monday and the last day of every month, at 00:00"),
        ({"day": 13, "day_of_week": "fri", "hour": 9}, "day 13 of every month if it is Friday, at 09:00"),
        ({"week": "1-10", "day_of_week": "mon"}, "every Monday at 00:00, in ISO week 1 to 10"),
        ({"year": 2027, "month": 5, "day": 2}, "day 2 of May, at 00:00, in 2027"),
        ({"hour": 9, "jitter": 90}, "every day at 09:00, delayed by up to 90 seconds"),
        (
            {"hour": 9, "start_date": "2026-12-01", "end_date": "2026-12-24 12:00"},
            "every day at 09:00 from 2026-12-01 00:00 until 2026-12-24 12:00",
        ),
    ],
)
def test_cron_fields(arguments: dict, words: str) -> None:
    assert describe(CronTrigger(**arguments, timezone="Europe/Berlin")) == words


NINE = CronTrigger(hour=9, timezone="UTC")


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (IntervalTrigger(seconds=1, timezone="UTC"), "every second"),
        (IntervalTrigger(seconds=300, timezone="UTC"), "every 5 minutes"),
        (IntervalTrigger(seconds=90, timezone="UTC"), "every 90 seconds"),
        (IntervalTrigger(seconds=1.5, timezone="UTC"), "every 1.5 seconds"),
        (IntervalTrigger(hours=1, timezone="UTC"), "every hour"),
        (IntervalTrigger(days=1, timezone="UTC"), "every 24 hours (elapsed time)"),
        (
            IntervalTrigger(hours=2, start_date="2090-01-01", timezone="UTC"),
            "every 2 hours from 2090-01-01 00:00",
        ),
        (DateTrigger("2026-12-01 09:00", timezone="UTC"), "once on 2026-12-01 at 09:00"),
        (DateTrigger("2026-12-01 09:00:05", timezone="UTC"), "once on 2026-12-01 at 09:00:05"),
        (
            CalendarIntervalTrigger(months=1, hour=9, start_date="2026-01-15", timezone="UTC"),
            "every month at 09:00, counted from Thursday 2026-01-15",
        ),
        (
            CalendarIntervalTrigger(weeks=2, days=1, start_date="2026-01-15", end_date="2027-01-01", timezone="UTC"),
            "every 2 weeks and 1 day at 00:00, counted from Thursday 2026-01-15 until 2027-01-01",
        ),
        (OrTrigger([NINE, CrontabTrigger("0 12 * * 6", timezone="UTC")]),
         "every day at 09:00; and also every Saturday at 12:00"),
        (OrTrigger([NINE, CrontabTrigger("0 12 * * 6", timezone="Asia/Tokyo")]),
         "every day at 09:00 (UTC); and also every Saturday at 12:00 (Asia/Tokyo)"),
        (AndTrigger([NINE, CronTrigger(day="*/7", hour="*", timezone="UTC")]),
         "every day at 09:00, whenever that is also: days 1, 8, 15, 22 and 29 of every month, every hour"),
        (LibraryCronTrigger.from_crontab("0 9 * * 1", timezone="UTC"), "every Tuesday at 09:00"),
    ],
)  # fmt: skip
def test_other_triggers(trigger: BaseTrigger, words: str) -> None:
    assert describe(trigger) == words
