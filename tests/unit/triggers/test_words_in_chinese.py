"""Schedules in Chinese words: each form that there is, in the order that Chinese wants."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from apscheduler.triggers.base import BaseTrigger
from django.utils.translation import override

from scheduler.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CrontabTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
    describe,
    warnings,
)


@pytest.fixture(autouse=True)
def chinese() -> Iterator[None]:
    with override("zh-hans"):
        yield


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("* * * * *", "每分钟"),
        ("*/5 * * * *", "每 5 分钟"),
        ("*/7 * * * *", "每小时的第0至56（步长7）分"),
        ("0 * * * *", "每小时"),
        ("23 * * * *", "每小时的第23分"),
        ("5,20 * * * *", "每小时的第5、20分"),
        ("0 */2 * * *", "每 2 小时"),
        ("30 6 * * 1-5", "星期一至星期五 06:30"),
        ("30 6 * * 1", "每星期一 06:30"),
        ("0 8 * * 1,3,5", "星期一、星期三、星期五 08:00"),
        ("0 8,20 * * *", "每天 08:00、20:00"),
        ("0 9-17 * * 1-5", "星期一至星期五，09:00 至 17:00 每小时"),
        ("*/10 9-17 * * 1-5", "星期一至星期五，9至17点，每 10 分钟"),
        ("23 19-21 * * 1-5", "星期一至星期五，19至21点的第23分"),
        ("23 19-21 * * *", "每天，19至21点的第23分"),
        ("23 19-21 * 1 *", "1月每天，19至21点的第23分"),
        ("*/5 * * 1,2 *", "1月、2月，每 5 分钟"),
        ("0 8 * 1 1-5", "1月的星期一至星期五 08:00"),
        ("@monthly", "每月1日，00:00"),
        ("@yearly", "1月1日，00:00"),
        ("0 0 13 * 5", "每月13日，或任何星期五，00:00"),
        ("0 0 1,15 * 1,3", "每月1、15日，或任何星期一或星期三，00:00"),
        ("0 0 */2 * 1", "每月1至31（步长2）日，且须为星期一，00:00"),
        ("5 4 * 6-8 *", "6月至8月每天 04:05"),
    ],
)
def test_crontab_lines(line: str, words: str) -> None:
    assert describe(CrontabTrigger(line, timezone="UTC")) == words


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({}, "每秒"),
        ({"second": "*/10"}, "每 10 秒"),
        ({"second": 5}, "每分钟的第5秒"),
        ({"second": 5, "minute": "1,2"}, "每小时第1、2分的第5秒"),
        ({"second": 5, "minute": "1,4", "hour": "3-6"}, "每天，3至6点第1、4分的第5秒"),
        ({"second": "7,9"}, "每分钟的第7、9秒"),
        ({"second": "7,9", "minute": 4}, "每小时第4分，第7、9秒"),
        ({"second": "7,9", "minute": 4, "hour": "1,2,3,4"}, "每天，1至4点第4分，第7、9秒"),
        ({"second": "*", "hour": 5}, "5点，每秒"),
        ({"day": "last", "hour": 23}, "每月最后一天，23:00"),
        ({"day": "last fri"}, "每月最后一个星期五，00:00"),
        ({"day": "1st mon,15,last"}, "每月15日、第一个星期一、最后一天，00:00"),
        ({"day": "1-31", "month": 5}, "5月每天，00:00"),
        ({"week": "1-10", "day_of_week": "mon"}, "每星期一 00:00，限 ISO 第1至10周"),
        ({"year": 2027, "month": 5, "day": 2}, "5月2日，00:00，限 2027 年"),
        ({"hour": 9, "jitter": 90}, "每天 09:00，随机推迟最多 90 秒"),
        (
            {"hour": 9, "start_date": "2026-12-01", "end_date": "2026-12-24 12:00"},
            "每天 09:00，自 2026-12-01 00:00 起，至 2026-12-24 12:00 止",
        ),
    ],
)
def test_cron_fields(arguments: dict, words: str) -> None:
    assert describe(CronTrigger(**arguments, timezone="Europe/Berlin")) == words


NINE = CronTrigger(hour=9, timezone="UTC")


@pytest.mark.parametrize(
    ("trigger", "words"),
    [
        (IntervalTrigger(seconds=1, timezone="UTC"), "每秒"),
        (IntervalTrigger(seconds=90, timezone="UTC"), "每 90 秒"),
        (IntervalTrigger(hours=1, timezone="UTC"), "每小时"),
        (IntervalTrigger(days=1, timezone="UTC"), "每 24 小时（按经过的时间）"),
        (IntervalTrigger(hours=2, start_date="2090-01-01", timezone="UTC"), "每 2 小时，自 2090-01-01 00:00 起"),
        (DateTrigger("2026-12-01 09:00", timezone="UTC"), "仅一次：2026-12-01 09:00"),
        (
            CalendarIntervalTrigger(months=1, hour=9, start_date="2026-01-15", timezone="UTC"),
            "每月 09:00，从 2026-01-15（星期四）起算",
        ),
        (
            CalendarIntervalTrigger(weeks=2, days=1, start_date="2026-01-15", end_date="2027-01-01", timezone="UTC"),
            "每2周、1天 00:00，从 2026-01-15（星期四）起算，至 2027-01-01 止",
        ),
        (OrTrigger([NINE, CrontabTrigger("0 12 * * 6", timezone="UTC")]), "每天 09:00；以及每星期六 12:00"),
        (
            OrTrigger([NINE, CrontabTrigger("0 12 * * 6", timezone="Asia/Tokyo")]),
            "每天 09:00（UTC）；以及每星期六 12:00（Asia/Tokyo）",
        ),
        (
            AndTrigger([NINE, OrTrigger([CronTrigger(day=1, hour=9, timezone="UTC"), NINE])]),
            "每天 09:00，且须同时满足：（每月1日，09:00；以及每天 09:00）",
        ),
    ],
)
def test_other_triggers(trigger: BaseTrigger, words: str) -> None:
    assert describe(trigger) == words


def test_warnings_are_chinese_as_well() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert warnings(CrontabTrigger("0 0 31 * *", timezone="UTC"), now=now) == [
        "2月、4月、6月、9月、11月没有 31 日：会被跳过。day='last' 表示任意月份的最后一天。"
    ]
    assert warnings(CronTrigger(hour=2, minute=30, timezone="Europe/Berlin"), now=now) == [
        "2026-03-29 Europe/Berlin 会跳过 02:30：改在 03:00 触发。",
        "2026-10-25 Europe/Berlin 会出现两次 02:30：只在第一次触发。",
    ]
