"""Schedules on the page: every kind makes its trigger, and every stored trigger comes back as it was."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.admin.schedule_form import ScheduleForm
from scheduler.admin.schedule_kinds import from_trigger
from scheduler.triggers import alike, describe, trigger_from_data, trigger_to_data

from .forms import sent

DAY = {"type": "cron", "hour": 6, "timezone": "UTC"}


def filled(trigger: dict[str, Any] | None = None, **typed: Any) -> ScheduleForm:
    stored = None if trigger is None else trigger_from_data(trigger)
    opened = ScheduleForm(stored)
    data = sent(opened)
    for part in opened.parts:
        data |= sent(part)
    data |= {f"schedule-{name}": value for name, value in typed.items()}
    form = ScheduleForm(stored, data=data)
    form.is_valid()
    return form


def made(**typed: Any) -> dict[str, Any]:
    form = filled(**typed)
    assert dict(form.errors) == {} and form.trigger is not None
    return trigger_to_data(form.trigger)


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"kind": "interval", "every": "90", "unit": "seconds"}, "every 90 seconds"),
        ({"kind": "interval", "every": "1.5", "unit": "hours"}, "every 90 minutes"),
        ({"kind": "daily", "time": "06:30"}, "every day at 06:30"),
        ({"kind": "daily", "time": "06:30:15"}, "every day at 06:30:15"),
        ({"kind": "weekly", "days": ["mon", "wed", "thu", "fri"], "time": "23:59"},
         "Monday and Wednesday to Friday at 23:59"),
        ({"kind": "monthly", "on": "31", "time": "00:00"}, "day 31 of every month, at 00:00"),
        ({"kind": "monthly", "on": "last", "time": "12:00"}, "the last day of every month, at 12:00"),
        ({"kind": "monthly", "on": "3rd …", "weekday": "fri", "time": "12:00"},
         "the third Friday of every month, at 12:00"),
        ({"kind": "crontab", "crontab": "30 6 * * 1-5"}, "Monday to Friday at 06:30"),
        ({"kind": "once", "run_date": "2099-12-01T09:00"}, "once on 2099-12-01 at 09:00"),
        ({"kind": "data", "trigger_json": '{"type": "calendarinterval", "months": 1, "hour": 8, "start_date": "2030-1-1"}'},  # noqa: E501
         "every month at 08:00, counted from Tuesday 2030-01-01"),
        ({"kind": "daily", "time": "06:00", "start": "2099-01-01T00:00", "end": "2100-01-01T00:00", "jitter": "60"},
         "every day at 06:00 from 2099-01-01 00:00 until 2100-01-01 00:00, delayed by up to 1 minute"),
        ({"kind": "combined", "link": "or", "0-kind": "daily", "0-time": "06:00", "1-kind": "crontab",
          "1-crontab": "0 12 * * 6"}, "every day at 06:00; and also every Saturday at 12:00"),
        ({"kind": "combined", "link": "and", "0-kind": "weekly", "0-days": ["fri"], "2-kind": "data",
          "2-trigger_json": '{"type": "cron", "day": "1-7", "hour": 6}'},
         "every Friday at 06:00, whenever that is also: days 1 to 7 of every month, at 06:00"),
    ],
)  # fmt: skip
def test_each_kind_makes_its_trigger(typed: dict[str, Any], words: str) -> None:
    form = filled(timezone="Europe/Berlin", **typed)
    assert dict(form.errors) == {} and form.trigger is not None
    assert describe(form.trigger) == words
    assert str(form.trigger.timezone) == "Europe/Berlin"


CLOCK = st.sampled_from([{}, {"hour": "6"}, {"hour": "23", "minute": "59"},
                         {"hour": "0", "minute": "0", "second": "7"},
                         {"hour": "*/2"}, {"hour": "1-5", "minute": "*/20"}, {"minute": "3"}])  # fmt: skip
DATES = st.sampled_from([{}, {"day": "31"}, {"day": "last"}, {"day": "3rd fri"}, {"day": "1,15"},
                         {"day_of_week": "1-5"},
                         {"day_of_week": "mon,sun"}, {"month": "2", "day": "29"}, {"week": "1-10"}, {"year": "2090"},
                         {"day_of_week": "*/2"}, {"day": "last sun"}])  # fmt: skip
BOUNDS = st.sampled_from([{}, {"start_date": "2090-01-01T00:00:00"}, {"end_date": "2099-10-25T02:30:00.5+01:00"},
                          {"jitter": 7.5}, {"start_date": "2026-10-25T02:30:00+01:00"}])  # fmt: skip
ZONE = st.sampled_from([{"timezone": "UTC"}, {"timezone": "Europe/Berlin"}, {"timezone": "+05:30"}])
PLAIN = st.one_of(
    st.builds(lambda *parts: {"type": "cron", **{k: v for part in parts for k, v in part.items()}},
              CLOCK, DATES, BOUNDS, ZONE),
    st.builds(lambda line, bounds, zone: {"type": "cron", "crontab": line, **bounds, **zone},
              st.sampled_from(["30 6 * * 1-5", "@daily", "0 0 1 * 1"]), BOUNDS, ZONE),
    st.builds(lambda unit, n, bounds, zone: {"type": "interval", unit: n, **bounds, **zone},
              st.sampled_from(["seconds", "minutes", "days", "weeks"]), st.sampled_from([1, 7, 90, 1.5]), BOUNDS, ZONE),
    st.builds(lambda zone: {"type": "date", "run_date": "2090-10-25T02:30:00", **zone}, ZONE),
    st.builds(lambda zone: {"type": "calendarinterval", "months": 1, "start_date": "2026-01-31", **zone}, ZONE),
)  # fmt: skip
COMBINED = st.builds(
    lambda link, members, jitter: {"type": link, "triggers": members, **jitter},
    st.sampled_from(["or", "and"]),
    st.lists(PLAIN | st.just({"type": "or", "triggers": [DAY]}), min_size=1, max_size=7),
    st.sampled_from([{}, {"jitter": 5}]),
)


@settings(deadline=None)
@given(data=PLAIN | COMBINED)
def test_a_stored_schedule_that_is_sent_as_it_was_opened_is_the_same(data: dict[str, Any]) -> None:
    try:
        stored = trigger_from_data(data)
    except ValueError:  # two intervals under and
        return
    form = filled(trigger_to_data(stored))
    if form.trigger is None:  # it has no firing any more, as it had none when it was opened
        assert all(
            "fire" in str(e) or "planned" in str(e) or "not right yet" in str(e)
            for es in form.errors.values()
            for e in es
        ), form.errors
        return
    assert alike(form.trigger, stored), (trigger_to_data(form.trigger), trigger_to_data(stored))


def test_simple_schedules_open_as_what_they_are_and_others_as_data() -> None:
    kinds = {
        "weekly": {"type": "cron", "day_of_week": "1-5", "hour": 6},
        "daily": {"type": "cron", "hour": 6, "minute": 0, "second": 0},
        "monthly": {"type": "cron", "day": "last", "hour": 6},
        "interval": {"type": "interval", "minutes": 5},
        "once": {"type": "date", "run_date": "2099-01-01T00:00:00"},
        "combined": {"type": "or", "triggers": [DAY, {"type": "interval", "minutes": 5}]},
        "data": {"type": "cron", "hour": "*/2"},
        "crontab": {"type": "cron", "crontab": "@daily"},
    }
    assert {kind: from_trigger(trigger_from_data(data))[0] for kind, data in kinds.items()} == {k: k for k in kinds}


def test_a_part_that_no_kind_can_say_stands_as_data_among_the_others() -> None:
    kind, shown = from_trigger(trigger_from_data({"type": "or", "triggers": [DAY, {"type": "cron", "hour": "*/2"}]}))
    assert kind == "combined" and [part["kind"] for part in shown["parts"]] == ["daily", "data"]


@pytest.mark.parametrize(
    ("typed", "field", "problem"),
    [
        ({"kind": "interval", "every": "0"}, "every", "makes an interval under one second"),
        ({"kind": "interval", "every": "many"}, "every", "'many' is not a number"),
        ({"kind": "interval", "every": ""}, "every", "has to be filled in"),
        ({"kind": "interval", "unit": "years"}, "unit", "not one of the available choices"),
        ({"kind": "interval", "counted_from": "soon"}, "counted_from", "'soon' is not a date and time"),
        ({"kind": "daily", "time": "6am"}, "time", "“6am” is not a time"),
        ({"kind": "daily", "time": "25:00"}, "time", "25"),
        ({"kind": "weekly", "days": []}, "days", "Choose a day"),
        ({"kind": "weekly", "days": ["mon\x00"]}, "days", "not one of the available choices"),
        ({"kind": "monthly", "on": "32"}, "on", "not one of the available choices"),
        ({"kind": "crontab", "crontab": "61 * * * *"}, "crontab", "minute"),
        ({"kind": "crontab", "crontab": "* * *\x00"}, "crontab", "Null characters"),
        ({"kind": "once", "run_date": "<b>"}, "run_date", "is not a date and time"),
        ({"kind": "data",  "trigger_json": "["}, "trigger_json", "It is not JSON: line 1"),
        ({"kind": "data",  "trigger_json": "[]"}, "trigger_json", "not an object"),
        ({"kind": "data", "trigger_json": '{"type": "cron", "hour": 99}'}, "trigger_json", "trigger.hour"),
        ({"kind": "data", "trigger_json": '{"type": "cron", "houre": 9}'}, "trigger_json", "Did you mean 'hour'?"),
        ({"kind": "daily", "timezone": "Europe/Berlinn"}, "timezone", "Did you mean 'Europe/Berlin'?"),
        ({"kind": "daily", "start": "2099-01-02T00:00", "end": "2099-01-01T00:00"}, "end", "is before start_date"),
        ({"kind": "daily", "end": "2001-01-01T00:00"}, "end", "has passed, so it never fires"),
        ({"kind": "daily", "jitter": "-1"}, "jitter", "out of range"),
        ({"kind": "crontab", "crontab": "0 0 31 2 *"}, "crontab", "never fires"),
        ({"kind": "combined"}, "kind", "one part at least"),
        ({"kind": "hourly"}, "kind", "not one of the available choices"),
        ({"kind": ""}, "kind", "Choose one."),
        ({"kind": "combined", "0-kind": "interval", "1-kind": "interval", "link": "and"}, "kind",
         "more than one interval"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_at_its_field(typed: dict[str, Any], field: str, problem: str) -> None:
    form = filled(**typed)
    assert list(form.errors) == [field], form.errors
    assert problem in form.errors[field][0]
    assert form.trigger is None


@pytest.mark.parametrize(
    ("typed", "field", "problem"),
    [
        ({"1-kind": "interval", "1-every": "0"}, "every", "under one second"),
        ({"1-kind": "crontab", "1-crontab": ""}, "crontab", "has to be filled in"),
        ({"1-kind": "data", "1-trigger_json": '{"type": "x"}'}, "trigger_json", "is not a type of trigger"),
    ],
)
def test_what_is_wrong_with_a_part_is_said_in_that_part(typed: dict[str, Any], field: str, problem: str) -> None:
    form = filled(kind="combined", **{"0-kind": "daily", **typed})
    assert not form.parts[0].errors and problem in form.parts[1].errors[field][0]
    assert form.trigger is None and "see below" in form.errors["kind"][0]
