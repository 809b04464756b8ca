"""Cron triggers with APScheduler's fields, held against brute force over days and seconds."""

from __future__ import annotations

import time
from calendar import monthrange
from datetime import datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger as LibraryCronTrigger
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.exceptions import InvalidTrigger
from scheduler.triggers import CronTrigger, check_fires, next_fire_time, upcoming

from .brute import utc

LIMITS = {
    "month": (1, 12),
    "day": (1, 31),
    "week": (1, 53),
    "day_of_week": (0, 6),
    "hour": (0, 23),
    "minute": (0, 59),
    "second": (0, 59),
}
ORDER = ("year", "month", "day", "week", "day_of_week", "hour", "minute", "second")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
POSITIONS = ("1st", "2nd", "3rd", "4th", "5th", "last")


def number_matches(name: str, expression: str, value: int) -> bool:
    low, high = LIMITS[name]
    for item in expression.split(","):
        span, _, step = item.partition("/")
        ends = [low, high] if span == "*" else [int(end) for end in span.split("-")]
        last = high if step and "-" not in span else ends[-1]
        if value in range(ends[0], last + 1, int(step or 1)):
            return True
    return False


def day_matches(expression: str, at: datetime) -> bool:
    length = monthrange(at.year, at.month)[1]
    for item in expression.split(","):
        position, _, weekday = item.partition(" ")
        if item == "last":
            found = at.day == length
        elif weekday:
            same = [day for day in range(1, length + 1) if at.replace(day=day).weekday() == WEEKDAYS.index(weekday)]
            place = POSITIONS.index(position)
            found = at.day == (same[-1] if place == 5 else same[place] if place < len(same) else 0)
        else:
            found = number_matches("day", item, at.day)
        if found:
            return True
    return False


def firings(fields: dict[str, str], after: datetime, count: int, days: int) -> list[datetime]:
    """Return the next firings by trying each day, then each hour, minute and second of it."""
    last = max(map(ORDER.index, fields))
    full = {}
    for place, name in enumerate(ORDER):
        low = LIMITS.get(name, (1970, 9999))[0]
        default = str(low) if name not in ("week", "day_of_week", "year") and place > last else "*"
        full[name] = fields.get(name, default)
    found: list[datetime] = []
    start = after.replace(hour=0, minute=0, second=0)
    sets = {
        name: [n for n in range(LIMITS[name][1] + 1) if number_matches(name, full[name], n)]
        for name in ("hour", "minute", "second")
    }
    for day in (start + timedelta(days=n) for n in range(days)):
        if (
            number_matches("month", full["month"], day.month)
            and day_matches(full["day"], day)
            and number_matches("week", full["week"], day.isocalendar()[1])
            and number_matches("day_of_week", full["day_of_week"], day.weekday())
        ):
            for hour in sets["hour"]:
                times = [day.replace(hour=hour, minute=m, second=s) for m in sets["minute"] for s in sets["second"]]
                found += [at for at in times if at > after]
                if len(found) >= count:
                    return found[:count]
    return found


def expressions(name: str) -> st.SearchStrategy[str]:
    low, high = LIMITS[name]
    number = st.integers(low, high)
    span = st.tuples(number, number).map(sorted)
    stepped = st.tuples(span, st.integers(1, 5)).map(
        lambda parts: (
            f"{parts[0][0]}-{parts[0][1]}/{min(parts[1], max(1, parts[0][1] - parts[0][0]))}"
            if parts[0][0] < parts[0][1]
            else str(parts[0][0])
        )
    )
    simple = number.map(str) | span.map(lambda ends: f"{ends[0]}-{ends[1]}") | stepped | st.just("*")
    simple |= st.integers(1, high - low).map("*/{}".format)
    if name == "day":
        position = st.tuples(st.sampled_from(POSITIONS), st.sampled_from(WEEKDAYS)).map(" ".join)
        simple |= position | st.just("last")
    return st.lists(simple, min_size=1, max_size=2).map(",".join)


FIELDS: st.SearchStrategy[dict[str, str]] = st.fixed_dictionaries(
    {}, optional={name: expressions(name) for name in LIMITS if name != "week"} | {"week": expressions("week")}
).filter(bool)


@settings(max_examples=200, deadline=None)
@given(fields=FIELDS, day=st.integers(0, 2000), second=st.integers(0, 86399))
def test_fields_fire_when_all_of_them_match(fields: dict[str, str], day: int, second: int) -> None:
    after = utc(2024, 1, 1) + timedelta(days=day, seconds=second)
    found = upcoming(CronTrigger(**fields, timezone="UTC"), 3, after=after)
    expected = firings(fields, after, 3, days=1500)
    assert found[: len(expected)] == expected
    assert all(at > after + timedelta(days=1498) for at in found[len(expected) :])


@pytest.mark.parametrize(
    "arguments",
    [
        {"month": 2, "day": 30},
        {"month": 4, "day": 31},
        {"week": 53, "month": 6},
        {"week": 53, "month": 6, "year": "2000-9999"},
        {"week": "*/2", "month": 1, "day": 31, "day_of_week": "mon", "year": 2026},
        {"day": "5th mon", "month": 2, "year": "2026-2040/3"},
        {"year": 2020},
        {"year": 1970, "month": 2, "day": 30, "week": 53, "second": "*"},
    ],
)
def test_poison_is_found_out_within_a_moment(arguments: dict[str, Any]) -> None:
    trigger = CronTrigger(**arguments, timezone="Europe/Berlin")
    start = time.perf_counter()
    assert next_fire_time(trigger, utc(2026, 1, 1)) is None
    assert time.perf_counter() - start < 0.2
    with pytest.raises(InvalidTrigger, match="never fires"):
        check_fires(trigger, now=utc(2026, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"month": 2, "day": 29, "day_of_week": "mon"}, utc(2044, 2, 29)),
        ({"week": 53, "day_of_week": "mon"}, utc(2026, 12, 28)),
        ({"year": 9999, "month": 12, "day": 31, "hour": 23}, utc(9999, 12, 31, 23)),
        ({"year": "*/50"}, utc(2070, 1, 1)),
    ],
)
def test_rare_firings_are_found(arguments: dict[str, Any], expected: datetime) -> None:
    assert next_fire_time(CronTrigger(**arguments, timezone="UTC"), utc(2026, 1, 1)) == expected


def test_after_the_last_moment_of_the_calendar_nothing_fires() -> None:
    trigger = CronTrigger(second="*", timezone="UTC")
    assert next_fire_time(trigger, utc(9999, 12, 31, 23, 59, 58)) == utc(9999, 12, 31, 23, 59, 59)
    assert next_fire_time(trigger, utc(9999, 12, 31, 23, 59, 59)) is None
    assert next_fire_time(CronTrigger(hour=23, timezone="America/New_York"), utc(9999, 12, 31, 12)) is None


def test_start_and_end_are_included() -> None:
    trigger = CronTrigger(hour=9, start_date="2026-05-01 09:00", end_date="2026-05-03 09:00", timezone="Asia/Tokyo")
    found = upcoming(trigger, 9, after=utc(2026, 1, 1))
    assert [(at.day, at.hour) for at in found] == [(1, 9), (2, 9), (3, 9)]


def test_it_is_one_of_apschedulers_cron_triggers() -> None:
    trigger = CronTrigger(hour=9, timezone="UTC")
    assert isinstance(trigger, LibraryCronTrigger)
    assert str(trigger) == "cron[hour='9']"
    assert trigger.get_next_fire_time(None, utc(2026, 1, 1, 9)) == utc(2026, 1, 1, 9)
    assert trigger.get_next_fire_time(utc(2026, 1, 1, 9), utc(2026, 1, 1, 9)) == utc(2026, 1, 2, 9)


def test_from_crontab_has_cron_weekdays_not_apschedulers() -> None:
    trigger = CronTrigger.from_crontab("0 9 * * 1", timezone="UTC")
    assert next_fire_time(trigger, utc(2026, 11, 24)) == utc(2026, 11, 30, 9)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("minute", "61"),
        ("minute", -1),
        ("minute", ""),
        ("minute", "5-"),
        ("minute", "*/0"),
        ("minute", 5.0),
        ("minute", True),
        ("minute", [5]),
        ("minute", "٣"),
        ("hour", "*/99"),
        ("hour", "22-2"),
        ("day", "lastly"),
        ("day", "6th fri"),
        ("day", "3rd friday"),
        ("day", "3rd"),
        ("month", "nov-feb"),
        ("month", "jan-mar/2"),
        ("day_of_week", "7"),
        ("day_of_week", "mon-fri/2"),
        ("day_of_week", "sun-tue"),
        ("year", "1969"),
        ("week", 54),
    ],
)
def test_a_wrong_expression_names_its_field(field: str, value: Any) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        CronTrigger(**{field: value}, timezone="UTC")
    assert caught.value.field == f"trigger.{field}"
    assert caught.value.mend.startswith("It takes")


@pytest.mark.parametrize("digits", [30, 4000, 6000])
def test_a_huge_number_is_refused(digits: int) -> None:
    for value in ("9" * digits, 10**digits, "*/" + "9" * digits):
        with pytest.raises(InvalidTrigger, match=r"trigger\.minute"):
            CronTrigger(minute=value, timezone="UTC")
