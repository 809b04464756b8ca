"""AND and OR: instants in common, instants of any, and what is refused."""

from __future__ import annotations

from datetime import timedelta

import pytest
from apscheduler.triggers.combining import AndTrigger as LibraryAndTrigger

from scheduler.exceptions import InvalidTrigger, PlanningError
from scheduler.triggers import (
    AndTrigger,
    CalendarIntervalTrigger,
    CrontabTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
    check_fires,
    next_fire_time,
    upcoming,
)

from .brute import utc

NOW = utc(2026, 11, 23)
DAYS_7 = CronTrigger(day="*/7", timezone="UTC")
MONDAYS = CronTrigger(day_of_week="mon", timezone="UTC")


def test_and_fires_where_all_agree() -> None:
    found = upcoming(AndTrigger([DAYS_7, MONDAYS]), 20, after=NOW)
    days = [NOW + timedelta(days=n) for n in range(1, 3000)]
    assert found == [at for at in days if at.weekday() == 0 and at.day % 7 == 1][:20]


def test_and_compares_instants_not_wall_times() -> None:
    berlin, tokyo = CronTrigger(hour=9, timezone="Europe/Berlin"), CronTrigger(hour=17, timezone="Asia/Tokyo")
    found = next_fire_time(AndTrigger([berlin, tokyo]), NOW)
    assert found == utc(2026, 11, 23, 8)
    assert str(found.tzinfo) == "Europe/Berlin"


def test_or_fires_at_any_and_once_where_they_meet() -> None:
    trigger = OrTrigger([CronTrigger(hour="9,12", timezone="UTC"), CronTrigger(hour="12,15", timezone="UTC")])
    assert [at.hour for at in upcoming(trigger, 6, after=NOW)] == [9, 12, 15, 9, 12, 15]


def test_or_ends_when_all_have_ended_and_and_when_one_has() -> None:
    once = DateTrigger("2026-11-24", timezone="UTC")
    assert len(upcoming(OrTrigger([once, DateTrigger("2026-11-25", timezone="UTC")]), 9, after=NOW)) == 2
    assert len(upcoming(AndTrigger([once, CronTrigger(hour=0, timezone="UTC")]), 9, after=NOW)) == 1


def test_they_nest() -> None:
    noon = CronTrigger(hour=12, timezone="UTC")
    weekend = OrTrigger(
        [CronTrigger(day_of_week="sat", hour="*", timezone="UTC"), CrontabTrigger("0 * * * 0", timezone="UTC")]
    )
    found = upcoming(AndTrigger([noon, weekend]), 4, after=NOW)
    assert [(at.weekday(), at.hour) for at in found] == [(5, 12), (6, 12), (5, 12), (6, 12)]
    with pytest.raises(InvalidTrigger, match="nested"):
        OrTrigger([OrTrigger([OrTrigger([OrTrigger([noon])])])])


def test_two_intervals_under_and_are_refused() -> None:
    fives, sevens = IntervalTrigger(seconds=5, timezone="UTC"), IntervalTrigger(seconds=7, timezone="UTC")
    with pytest.raises(InvalidTrigger, match="interval"):
        AndTrigger([fives, sevens])
    with pytest.raises(InvalidTrigger, match="interval"):
        AndTrigger([fives, OrTrigger([sevens, MONDAYS])])
    AndTrigger([OrTrigger([fives, sevens]), MONDAYS])


@pytest.mark.parametrize(
    "members",
    [
        [CronTrigger(hour=1, timezone="UTC"), CronTrigger(hour=2, timezone="UTC")],
        [CronTrigger(second=1, timezone="UTC"), CronTrigger(second=2, timezone="UTC")],
        [
            IntervalTrigger(minutes=1, start_date="2026-01-01 00:00:30", timezone="UTC"),
            CronTrigger(minute="*", timezone="UTC"),
        ],
        [CronTrigger(month=1, timezone="UTC"), CronTrigger(month=2, timezone="UTC")],
        [
            CalendarIntervalTrigger(days=2, start_date="2026-01-01", timezone="UTC"),
            CalendarIntervalTrigger(days=2, start_date="2026-01-02", timezone="UTC"),
        ],
        [
            AndTrigger([DAYS_7, CronTrigger(hour=1, timezone="UTC")]),
            AndTrigger([DAYS_7, CronTrigger(hour=2, timezone="UTC")]),
        ],
    ],
)
def test_members_that_never_agree_are_found_out_fast(members: list) -> None:
    trigger = AndTrigger(members)
    with pytest.raises(InvalidTrigger):
        check_fires(trigger, now=NOW)
    try:
        assert next_fire_time(trigger, NOW) is None
    except PlanningError as error:
        assert "agree" in str(error)


def test_a_sum_of_intervals_may_not_fire_more_than_once_a_second() -> None:
    seconds = [IntervalTrigger(seconds=1, start_date=f"2026-01-01 00:00:00.{n}00000", timezone="UTC") for n in range(2)]
    with pytest.raises(InvalidTrigger, match="more than once a second"):
        check_fires(OrTrigger(seconds), now=NOW)
    check_fires(OrTrigger([seconds[0], seconds[0]]), now=NOW)
    check_fires(OrTrigger([seconds[0], MONDAYS]), now=NOW)


def test_they_are_apschedulers() -> None:
    assert isinstance(AndTrigger([DAYS_7]), LibraryAndTrigger)
    assert str(AndTrigger([MONDAYS])) == "and[cron[day_of_week='mon']]"


@pytest.mark.parametrize("members", [None, [], "cron", 5, {}, [5], [MONDAYS] * 21, [{"type": "and", "triggers": []}]])
def test_a_list_of_triggers_that_is_none(members: object) -> None:
    with pytest.raises(InvalidTrigger, match=r"trigger\.triggers"):
        OrTrigger(members)
