"""Standard cron held against a matcher written from crontab(5) alone."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scheduler.exceptions import InvalidTrigger
from scheduler.triggers import CrontabTrigger, next_fire_time, trigger_from_data, trigger_to_data, upcoming
from scheduler.triggers.crontab import read_crontab

from .brute import utc

LIMITS = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
NAMES = {
    3: ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
    4: ["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
}


def part(position: int, text: str) -> set[int]:
    """Return the values of one field."""
    low, high = LIMITS[position]
    found: set[int] = set()
    for item in text.split(","):
        span, _, step = item.partition("/")
        if span == "*":
            first, last = low, high
        else:
            ends = [
                str(NAMES[position].index(end) + low) if end in NAMES.get(position, []) else end
                for end in span.split("-")
            ]
            first, last = int(ends[0]), int(ends[-1])
        found |= set(range(first, last + 1, int(step or 1)))
    return {value % 7 for value in found} if position == 4 else found


def firings(line: str, after: datetime, count: int, days: int) -> list[datetime]:
    """Return what fires strictly after `after`, at most `count`, within so many days: by trying every minute."""
    words = line.split()
    minutes, hours, days_of_month, months, weekdays = (part(n, word) for n, word in enumerate(words))
    starred = words[2].startswith("*") or words[4].startswith("*")
    found = []
    midnight = after.replace(hour=0, minute=0)
    for day in (midnight + timedelta(days=n) for n in range(days)):
        on_day, on_weekday = day.day in days_of_month, day.isoweekday() % 7 in weekdays
        today = (on_day and on_weekday) if starred else (on_day or on_weekday)
        if day.month in months and today:
            times = [day + timedelta(minutes=n) for n in range(1440)]
            found += [at for at in times if at > after and at.minute in minutes and at.hour in hours]
        if len(found) >= count:
            break
    return found[:count]


def items(position: int) -> st.SearchStrategy[str]:
    low, high = LIMITS[position]
    number = st.integers(low, high)
    names = NAMES.get(position)
    single = number.map(str) | st.sampled_from(names) if names else number.map(str)
    span = st.tuples(number, number).map(lambda ends: f"{min(ends)}-{max(ends)}")
    step = st.integers(1, high).map(str)
    stepped = st.tuples(span | st.just("*"), step).map("/".join)
    return st.lists(single | span | stepped | st.just("*"), min_size=1, max_size=3).map(",".join)


LINES = st.tuples(st.just("*") | items(0), st.just("*") | items(1), *(st.just("*") | items(n) for n in (2, 3, 4))).map(
    " ".join
)


@settings(max_examples=150, deadline=None)
@given(line=LINES, day=st.integers(0, 1500), minute=st.integers(0, 1439))
def test_a_line_fires_when_its_five_fields_say(line: str, day: int, minute: int) -> None:
    start = utc(2024, 1, 1) + timedelta(days=day, minutes=minute)
    found = upcoming(CrontabTrigger(line, timezone="UTC"), 3, after=start)
    expected = firings(line, start, 3, days=3000)
    assert found[: len(expected)] == expected
    assert all(at > start + timedelta(days=2998) for at in found[len(expected) :])


@settings(max_examples=150, deadline=None)
@given(line=LINES)
def test_a_line_survives_storage(line: str) -> None:
    trigger = CrontabTrigger(line, timezone="UTC")
    assert trigger_from_data(trigger_to_data(trigger)) == trigger


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="0123456789*/,-@ adefhjlmnorstuwy#LW?", max_size=24) | st.text(max_size=20))
def test_any_text_is_read_or_refused_with_one_error(text: str) -> None:
    try:
        read_crontab(text)
    except InvalidTrigger as error:
        assert error.field == "crontab"
        assert error.mend
    else:
        assume(False)


@pytest.mark.parametrize(
    ("nickname", "line"),
    [
        ("@hourly", "0 * * * *"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@weekly", "0 0 * * 0"),
        ("@monthly", "0 0 1 * *"),
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@Daily", "0 0 * * *"),
    ],
)
def test_nicknames(nickname: str, line: str) -> None:
    start = utc(2026, 5, 5, 5, 5)
    by_name, by_line = CrontabTrigger(nickname, timezone="UTC"), CrontabTrigger(line, timezone="UTC")
    assert upcoming(by_name, 5, after=start) == upcoming(by_line, 5, after=start)


@pytest.mark.parametrize("sunday", ["0", "7", "sun", "SUN"])
def test_sunday_has_three_names(sunday: str) -> None:
    found = upcoming(CrontabTrigger(f"0 0 * * {sunday}", timezone="UTC"), 10, after=utc(2026, 1, 1))
    assert {at.weekday() for at in found} == {6}


@pytest.mark.parametrize(
    ("weekdays", "expected"),
    [("1-5", {0, 1, 2, 3, 4}), ("5-7", {4, 5, 6}), ("sat-sun", {5, 6}), ("mon-sun", set(range(7))), ("6,0", {5, 6})],
)
def test_weekdays(weekdays: str, expected: set[int]) -> None:
    found = upcoming(CrontabTrigger(f"0 0 * * {weekdays}", timezone="UTC"), 20, after=utc(2026, 1, 1))
    assert {at.weekday() for at in found} == expected


def test_a_restricted_day_and_weekday_mean_either() -> None:
    found = upcoming(CrontabTrigger("0 0 13 * 5", timezone="UTC"), 4, after=utc(2026, 1, 8))
    assert [at.day for at in found] == [9, 13, 16, 23]


def test_a_day_that_starts_with_a_star_means_both() -> None:
    found = upcoming(CrontabTrigger("0 0 */2 * 5", timezone="UTC"), 4, after=utc(2026, 1, 1))
    assert [(at.month, at.day) for at in found] == [(1, 9), (1, 23), (2, 13), (2, 27)]


@pytest.mark.parametrize(
    ("line", "problem", "mend"),
    [
        ("@reboot", "is no time", "run_at_start"),
        ("@dayly", "nickname", "@daily"),
        ("* * * *", "4 fields", "five fields"),
        ("0 30 6 * * 1", "6 fields", "second="),
        ("60 * * * *", "'60' in its minute", "0 to 59"),
        ("0 24 * * *", "'24' in its hour", "0 to 23"),
        ("0 0 0 * *", "'0' in its day of month", "1 to 31"),
        ("0 0 * 13 *", "'13' in its month", "1 to 12"),
        ("0 0 * * 8", "'8' in its day of week", "0 to 7"),
        ("0 0 * * monday", "'monday'", "'mon'"),
        ("*/0 * * * *", "step 0", "1 to 59"),
        ("*/60 * * * *", "step 60", "1 to 59"),
        ("30-10 * * * *", "backwards", "'30-59,0-10'"),
        ("0 0 L * *", "'L'", "day='last'"),
        ("0 0 * * 5#3", "'5#3'", "day='3rd fri'"),
        ("0 0 ? * 1", "'?'", "L, W, # or ?"),
        ("1, * * * *", "'1,'", "0 to 59"),
        ("", "0 fields", "five fields"),
        (5, "is not text", "five fields"),
        (None, "is not text", "five fields"),
    ],
)
def test_a_wrong_line_gets_one_error_with_a_mend(line: object, problem: str, mend: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        CrontabTrigger(line, timezone="UTC")
    assert caught.value.field == "crontab"
    assert problem in caught.value.problem
    assert mend in caught.value.mend


def test_30_february_never_fires_and_is_found_out_fast() -> None:
    assert next_fire_time(CrontabTrigger("0 0 30 2 *", timezone="UTC"), utc(2026, 1, 1)) is None
