"""Triggers as data, from arguments, in pickles; and every wrong input with one clear error."""

from __future__ import annotations

import io
import json
import pickle
import pickletools
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger as LibraryCalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger as LibraryAndTrigger
from apscheduler.triggers.combining import OrTrigger as LibraryOrTrigger
from apscheduler.triggers.cron import CronTrigger as LibraryCronTrigger
from apscheduler.triggers.date import DateTrigger as LibraryDateTrigger
from apscheduler.triggers.interval import IntervalTrigger as LibraryIntervalTrigger
from dateutil import tz as dateutil_tz
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.exceptions import InvalidTrigger, PlanningError
from scheduler.triggers import (
    CrontabTrigger,
    CronTrigger,
    DateTrigger,
    IntervalTrigger,
    OrTrigger,
    next_fire_time,
    replace_timezone,
    timezone_of,
    trigger_from_arguments,
    trigger_from_data,
    trigger_to_data,
    upcoming,
)

from .brute import utc

NOW = utc(2026, 11, 23, 12)
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Australia/Lord_Howe", "+05:30", "-03:00"])
DATES = st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)).map(datetime.isoformat)
COMMON: dict[str, st.SearchStrategy[Any]] = {
    "timezone": ZONES,
    "jitter": st.integers(1, 600) | st.floats(0.5, 600),
    "start_date": DATES,
}


def data_of(kind: str, required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({"type": st.just(kind), **required}, optional=optional)


PLAIN = st.one_of(
    data_of("date", {"run_date": DATES}, {"timezone": ZONES}),
    data_of("interval", {"seconds": st.integers(1, 10**8) | st.floats(1, 10**6)}, COMMON),
    data_of("interval", {"minutes": st.integers(1, 10**4), "days": st.integers(0, 99)}, COMMON),
    data_of(
        "cron",
        {"minute": st.sampled_from(["*", "*/5", "1,2,3", "7-30/4", 5])},
        {
            **COMMON,
            "hour": st.integers(0, 23),
            "day_of_week": st.sampled_from(["mon-fri", "1-5", "sat,sun"]),
            "day": st.sampled_from(["last", "3rd fri", "1st mon,15", "*/2"]),
            "month": st.sampled_from(["jan-mar", "6-8,11"]),
            "year": st.just("2026-2030"),
        },
    ),
    data_of("cron", {"crontab": st.sampled_from(["30 6 * * 1-5", "@daily", "*/7 * 13 * fri", "0 */2 * * *"])}, COMMON),
    data_of(
        "calendarinterval",
        {"days": st.integers(1, 99)},
        {
            "months": st.integers(0, 20),
            "hour": st.integers(0, 23),
            "start_date": st.dates(date(1990, 1, 1), date(2090, 1, 1)).map(date.isoformat),
            "timezone": ZONES,
        },
    ),
)
NESTED = PLAIN | data_of("or", {"triggers": st.lists(PLAIN, min_size=1, max_size=3)}, {"jitter": st.integers(1, 60)})
ALL = NESTED | data_of("or", {"triggers": st.lists(NESTED, min_size=1, max_size=2)}, {})


def globals_of(pickled: bytes) -> set[str]:
    """Return the module names of every global that a pickle asks for."""
    found, texts = set(), []
    for opcode, argument, _position in pickletools.genops(pickled):
        if opcode.name == "GLOBAL":
            found.add(argument.split(" ")[0])
        elif opcode.name == "STACK_GLOBAL":
            found.add("?")
        elif isinstance(argument, str):
            texts.append(argument)
    if "?" in found:
        found.remove("?")
        found |= {text for text in texts if text.split(".")[0] in ("builtins", "copyreg", "scheduler", "apscheduler")}
    return found


class Plain(pickle.Unpickler):
    """An unpickler that knows our trigger modules and nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        assert module.startswith("scheduler.triggers."), (module, name)
        return super().find_class(module, name)


def firings(trigger: Any) -> Any:
    """Return a trigger's next two firings, or why they can't be told: jitter may cover too many of them."""
    try:
        return upcoming(trigger, 2, after=NOW, job_id="x")
    except PlanningError as error:
        return str(error)


@settings(max_examples=200, deadline=None)
@given(data=ALL)
def test_a_trigger_survives_data_and_pickles_exactly(data: dict[str, Any]) -> None:
    trigger = trigger_from_data(data, timezone="Asia/Tokyo")
    stored = trigger_to_data(trigger)
    assert trigger_from_data(json.loads(json.dumps(stored)), timezone="UTC") == trigger
    assert trigger_to_data(trigger_from_data(stored)) == stored
    for protocol in (4, 5):
        pickled = pickle.dumps(trigger, protocol)
        restored = Plain(io.BytesIO(pickled)).load()
        assert restored == trigger
        assert type(restored) is type(trigger)
        assert firings(restored) == firings(trigger)


def test_a_pickle_names_nothing_but_our_classes() -> None:
    trigger = trigger_from_data({"type": "or", "triggers": [{"type": "interval", "seconds": 5}, {"type": "cron"}]})
    assert globals_of(pickle.dumps(trigger, 4)) == {"scheduler.triggers.combining"}


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"version": 2},
        {"version": 1, "interval": 0},
        {"version": 1, "seconds": 0},
        {"version": 1, "seconds": 5, "start_date": object()},
        {"version": 1, "seconds": 5, "timezone": "Nowhere/At_All"},
    ],
)
def test_an_edited_state_is_refused(state: Any) -> None:
    trigger = IntervalTrigger.__new__(IntervalTrigger)
    with pytest.raises(InvalidTrigger):
        trigger.__setstate__(state)


WRONG: list[tuple[Any, str, str]] = [
    (5, "trigger", "Write {"),
    ([], "trigger", "Write {"),
    ("cron", "trigger", "Write {"),
    (None, "trigger", "Write {"),
    ({}, "trigger.type", "Write {"),
    ({"type": "corn"}, "trigger.type", "'cron'"),
    ({"type": 5}, "trigger.type", "date, interval"),
    ({"type": ["cron"]}, "trigger.type", "'cron'"),
    ({"type": "Interval", "seconds": 5}, "trigger.type", "'interval'"),
    ({"type": "cron", "minutes": 5}, "trigger.minutes", "'minute'"),
    ({"type": "cron", "day-of-week": 5}, "trigger.day-of-week", "'day_of_week'"),
    ({"type": "cron", 5: 5}, "trigger.5", "It takes"),
    ({"type": "interval", "run_date": "2026-01-01"}, "trigger.run_date", "'date'"),
    ({"type": "cron", "crontab": "0 0 * * *", "hour": 5}, "trigger.hour", "either"),
    ({"type": "cron", "crontab": "0 0 * *"}, "crontab", "five fields"),
    ({"type": "interval", "crontab": "0 0 * * *", "seconds": 1}, "trigger.crontab", ""),
    ({"type": "cron", "hour": 5, "timezone": "Europe/Berlni"}, "timezone", "'Europe/Berlin'"),
    ({"type": "cron", "hour": 5, "timezone": "berlin"}, "timezone", "'Europe/Berlin'"),
    ({"type": "cron", "hour": 5, "timezone": "new york"}, "timezone", "'America/New_York'"),
    ({"type": "cron", "hour": 5, "timezone": "utc"}, "timezone", "'UTC'"),
    ({"type": "cron", "hour": 5, "timezone": "../../etc/passwd"}, "timezone", ""),
    ({"type": "cron", "hour": 5, "timezone": "Europe"}, "timezone", ""),
    ({"type": "cron", "hour": 5, "timezone": ""}, "timezone", "Europe/Berlin"),
    ({"type": "cron", "hour": 5, "timezone": "\0"}, "timezone", ""),
    ({"type": "cron", "hour": 5, "timezone": 5}, "timezone", "Europe/Berlin"),
    ({"type": "cron", "hour": 5, "timezone": "+25:00"}, "timezone", ""),
    ({"type": "cron", "hour": 5, "start_date": 5}, "trigger.start_date", "ISO 8601"),
    ({"type": "cron", "start_date": "2026-02-01", "end_date": "2026-01-01"}, "trigger.end_date", "2026-02-01"),
    ({"type": "and"}, "trigger.triggers", "Write"),
    ({"type": "and", "triggers": {"type": "cron"}}, "trigger.triggers", "Write"),
    ({"type": "or", "triggers": [{"type": "cron"}, 5]}, "trigger.triggers[1]", "Write"),
    ({"type": "or", "triggers": [{"type": "cron", "hour": 25}]}, "trigger.triggers[0].hour", "0 to 23"),
    (
        {"type": "or", "triggers": [{"type": "or", "triggers": [{"type": "cron", "timezone": "X"}]}]},
        "trigger.triggers[0].triggers[0].timezone",
        "",
    ),
    ({"type": "or", "triggers": [{"type": "cron", "crontab": "x"}]}, "trigger.triggers[0].crontab", "five fields"),
]


@pytest.mark.parametrize(("data", "field", "mend"), WRONG, ids=[f"{n}-{row[1]}" for n, row in enumerate(WRONG)])
def test_wrong_data_gets_one_error(data: Any, field: str, mend: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        trigger_from_data(data)
    assert caught.value.field == field
    assert mend in caught.value.mend
    assert "\n" not in str(caught.value)


def test_endless_nesting_is_refused() -> None:
    data: dict[str, Any] = {"type": "or"}
    data["triggers"] = [data]
    with pytest.raises(InvalidTrigger, match="nested"):
        trigger_from_data(data)


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=5), inner, max_size=2),
    max_leaves=4,
)
WORDS = "seconds hour minute day week run_date start_date end_date timezone jitter days months crontab triggers year"
KEYS = st.sampled_from(WORDS.split())


@settings(max_examples=400, deadline=None)
@given(
    kind=st.sampled_from(["date", "interval", "cron", "calendarinterval", "and", "or"]) | JSON_VALUES,
    rest=st.dictionaries(KEYS, JSON_VALUES, max_size=4),
)
def test_any_json_is_a_trigger_or_one_error(kind: Any, rest: dict[str, Any]) -> None:
    try:
        trigger = trigger_from_data({"type": kind, **rest})
    except InvalidTrigger as error:
        assert error.field
    else:
        assert trigger_from_data(trigger_to_data(trigger)) == trigger


def test_null_means_not_given() -> None:
    assert trigger_from_data({"type": "cron", "hour": 5, "minute": None, "jitter": None}) == CronTrigger(hour=5)


def test_the_zone_is_the_arguments_then_the_callers_then_djangos(settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"
    data = {"type": "cron", "hour": 5}
    assert str(timezone_of(trigger_from_data({**data, "timezone": "Europe/Berlin"}, timezone="UTC"))) == "Europe/Berlin"
    assert str(timezone_of(trigger_from_data(data, timezone="Europe/Paris"))) == "Europe/Paris"
    assert str(timezone_of(trigger_from_data(data))) == "Asia/Tokyo"


def test_members_of_a_combination_inherit_its_zone() -> None:
    trigger = trigger_from_data({"type": "or", "timezone": "Asia/Tokyo", "triggers": [{"type": "cron", "hour": 5}]})
    assert str(timezone_of(trigger)) == "Asia/Tokyo"


class PytzLike(type(UTC).__mro__[1]):
    """A zone as pytz makes them: with its name in `zone`."""

    zone = "Europe/Berlin"

    def utcoffset(self, at: Any) -> timedelta:
        return timedelta(hours=1)


@pytest.mark.parametrize(
    ("zone", "name"),
    [
        (ZoneInfo("Europe/Berlin"), "Europe/Berlin"),
        (UTC, "UTC"),
        (timezone(timedelta(hours=5, minutes=30)), "+05:30"),
        (timezone(-timedelta(hours=3)), "-03:00"),
        (PytzLike(), "Europe/Berlin"),
        (dateutil_tz.gettz("Europe/Berlin"), "Europe/Berlin"),
        (dateutil_tz.UTC, "UTC"),
        (dateutil_tz.tzoffset(None, 7200), "+02:00"),
    ],
)
def test_zones_of_other_libraries_become_names(zone: Any, name: str) -> None:
    assert trigger_to_data(CronTrigger(hour=5, timezone=zone))["timezone"] == name


def test_a_zone_without_a_name_is_refused() -> None:
    for zone in (dateutil_tz.tzlocal(), timezone(timedelta(seconds=90))):
        with pytest.raises(InvalidTrigger) as caught:
            CronTrigger(hour=5, timezone=zone)
        assert caught.value.field == "timezone"


STOCK: list[BaseTrigger] = [
    LibraryDateTrigger(datetime(2027, 1, 1, 9, tzinfo=ZoneInfo("Europe/Berlin"))),
    LibraryIntervalTrigger(minutes=7, seconds=3, start_date="2026-11-23 00:00:00", timezone="Europe/Berlin"),
    LibraryIntervalTrigger(seconds=1.25, start_date="2026-11-23 00:00:00", end_date="2026-12-01", timezone="UTC"),
    LibraryCronTrigger(day="3rd fri", month="6-8,11-12", hour="0-3", timezone="Asia/Shanghai"),
    LibraryCronTrigger(day_of_week="1-5", hour=6, minute="*/10", second=5, timezone="Europe/Paris"),
    LibraryCronTrigger.from_crontab("0 9 * * 1", timezone="UTC"),
    LibraryCronTrigger(week="2,50-52", day_of_week="mon", start_date="2027-01-01", timezone="UTC"),
    LibraryCalendarIntervalTrigger(months=1, days=1, hour=9, start_date="2026-01-31", timezone="Europe/Berlin"),
    LibraryOrTrigger([LibraryCronTrigger(hour=5, timezone="UTC"), LibraryCronTrigger(hour=7, timezone="UTC")]),
    LibraryAndTrigger(
        [LibraryCronTrigger(day="*/7", timezone="UTC"), LibraryCronTrigger(day_of_week=0, timezone="UTC")]
    ),
]  # fmt: skip


@pytest.mark.parametrize("stock", STOCK, ids=str)
def test_apschedulers_own_triggers_become_ours_and_fire_alike(stock: BaseTrigger) -> None:
    ours = trigger_from_arguments(stock, {})
    previous, expected = None, []
    at = NOW
    for _ in range(20):
        # Given a previous firing, APScheduler's AND never ends.
        found = stock.get_next_fire_time(None if isinstance(stock, LibraryAndTrigger) else previous, at)
        if found is None:
            break
        if found >= NOW:  # its calendar intervals begin in the past
            expected.append(found)
        previous, at = found, max(NOW, found) + timedelta(microseconds=1)
    assert upcoming(ours, len(expected), after=NOW - timedelta(microseconds=1)) == expected
    assert next_fire_time(stock, NOW) == next_fire_time(ours, NOW)
    assert type(ours).__module__.startswith("scheduler.triggers.")
    assert str(stock).split("[")[0] == str(ours).split("[")[0] or "Calendar" in str(stock)
    assert trigger_from_data(trigger_to_data(stock)) == ours


def test_a_trigger_class_of_somebody_elses_is_refused() -> None:
    class Mine(LibraryCronTrigger):
        pass

    class Own(BaseTrigger):
        def get_next_fire_time(self, previous_fire_time: Any, now: Any) -> None:
            return None

    for trigger in (Mine(hour=5, timezone="UTC"), Own()):
        with pytest.raises(InvalidTrigger, match="can't be stored"):
            trigger_from_arguments(trigger, {})
        with pytest.raises(InvalidTrigger, match="can't be stored"):
            OrTrigger([trigger])


def test_arguments_as_add_job_gets_them() -> None:
    assert trigger_from_arguments("interval", {"minutes": 5, "start_date": NOW}) == IntervalTrigger(
        seconds=300, start_date=NOW
    )
    assert trigger_from_arguments(None, {"run_date": NOW}) == DateTrigger(NOW)
    assert trigger_from_arguments("cron", {}, crontab="0 5 * * *") == CrontabTrigger("0 5 * * *")
    assert trigger_from_arguments(None, {"jitter": 5}, crontab="@daily") == CrontabTrigger("@daily", jitter=5)
    assert trigger_from_arguments("or", {"triggers": [CronTrigger(hour=5)]}) == OrTrigger([CronTrigger(hour=5)])
    assert trigger_from_arguments({"type": "cron", "hour": 5}, {}) == CronTrigger(hour=5)
    trigger = CronTrigger(hour=5)
    assert trigger_from_arguments(trigger, {}) is trigger
    now = trigger_from_arguments(None, {})
    assert isinstance(now, DateTrigger)
    assert abs(now.run_date - datetime.now(UTC)) < timedelta(seconds=30)


@pytest.mark.parametrize(
    ("trigger", "arguments", "crontab", "field", "mend"),
    [
        ("intervall", {}, None, "trigger", "'interval'"),
        ("", {}, None, "trigger", "date, interval"),
        (5, {}, None, "trigger", "date, interval"),
        (True, {}, None, "trigger", "date, interval"),
        (None, {"seconds": 5}, None, "trigger.seconds", "'interval'"),
        ("interval", {"hour": 5}, None, "trigger.hour", "'hours'"),
        ("interval", {"seconds": 5}, "0 5 * * *", "crontab", "Leave it out"),
        (CronTrigger(hour=5), {}, "0 5 * * *", "crontab", "one of them"),
        (CronTrigger(hour=5), {"minute": 5}, None, "trigger.minute", "alias"),
        ("cron", {"hour": 5}, "0 5 * * *", "trigger.hour", "either"),
        (None, {"run_date": "2026-01-01"}, "0 5 * * *", "trigger.run_date", "'date'"),
    ],
)
def test_wrong_arguments(trigger: Any, arguments: dict[str, Any], crontab: str | None, field: str, mend: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        trigger_from_arguments(trigger, arguments, crontab=crontab)
    assert caught.value.field == field
    assert mend in caught.value.mend


def test_another_zone_keeps_wall_times_and_an_intervals_instants() -> None:
    berlin, tokyo = "Europe/Berlin", "Asia/Tokyo"
    moved = replace_timezone(CronTrigger(hour=9, start_date="2027-01-01", timezone=berlin), tokyo)
    assert moved == CronTrigger(hour=9, start_date="2027-01-01", timezone=tokyo)
    assert replace_timezone(CrontabTrigger("0 9 * * *", timezone=berlin), tokyo) == CrontabTrigger(
        "0 9 * * *", timezone=tokyo
    )
    moved = replace_timezone(DateTrigger("2027-01-01 09:00", timezone=berlin), tokyo)
    assert moved == DateTrigger("2027-01-01 09:00", timezone=tokyo)
    interval = IntervalTrigger(hours=1, start_date=NOW, timezone=berlin)
    assert next_fire_time(replace_timezone(interval, tokyo), NOW) == next_fire_time(interval, NOW)
    assert str(timezone_of(replace_timezone(OrTrigger([interval]), tokyo))) == tokyo
    with pytest.raises(InvalidTrigger):
        replace_timezone(interval, "Nowhere")
