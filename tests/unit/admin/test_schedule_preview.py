"""The preview beside a schedule: computed by the real trigger, in words, instants, pace and warnings."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from scheduler.models import State

from .pages import JOBS, make_job, make_run, text_of

PREVIEW = JOBS + "form/preview/"
DAILY = {"schedule-kind": "daily", "schedule-time": "06:30", "schedule-timezone": "Europe/Berlin"}


def ask(client: Client, **typed: Any) -> str:
    response = client.post(PREVIEW, {name.replace("__", "-"): value for name, value in typed.items()})
    assert response.status_code == 200 and "<html" not in response.content.decode()
    return text_of(response)


def test_it_says_words_firings_in_both_zones_and_how_many_a_day(editor: Client) -> None:
    editor.cookies["sched_zone"] = "Asia/Tokyo"
    text = ask(editor, **{**DAILY, "schedule-start": "2099-01-01T00:00"})
    for words in ("every day at 06:30", "in the time zone Europe/Berlin", "Asia/Tokyo", "Thu 2099-01-01 06:30",
                  "Thu 2099-01-01 14:30", "Mon 2099-01-05 06:30", "in 2"):  # fmt: skip
        assert words in text, (words, text)
    assert "2099-01-06" not in text
    assert "1 a day" in ask(editor, **DAILY)
    assert "5 a week" in ask(editor, schedule__kind="crontab", schedule__crontab="30 6 * * 1-5")
    assert "86,400 a day" in ask(editor, schedule__kind="interval", schedule__every="1", schedule__unit="seconds")
    assert "about 7 a year" in ask(editor, schedule__kind="monthly", schedule__on="31", schedule__time="00:00")
    assert "once" in ask(editor, schedule__kind="once", schedule__run_date="2099-01-01T00:00")


def test_a_firing_that_a_clock_change_touches_has_a_badge(editor: Client) -> None:
    text = ask(editor, **{**DAILY, "schedule-time": "02:30", "schedule-start": "2099-03-28T00:00"})
    assert text.count("clocks go forward at this moment") == 1


@pytest.mark.parametrize(
    ("typed", "warning"),
    [
        ({"kind": "data", "trigger_json": '{"type": "cron", "day_of_week": "1-5", "hour": 6}'}, "Tuesday to Saturday"),
        ({"kind": "crontab", "crontab": "0 12 1 * 5"}, "match either"),
        ({"kind": "monthly", "on": "31", "time": "06:00"}, "Day 31 does not exist in"),
        ({"kind": "data", "trigger_json": '{"type": "cron", "month": 2, "day": 29}'}, "leap years only"),
        ({"kind": "once", "run_date": "2020-01-01T00:00"}, "This time has passed: it runs at once"),
    ],
)
def test_it_warns_of_what_people_get_wrong(editor: Client, typed: dict[str, str], warning: str) -> None:
    assert warning in ask(editor, **{f"schedule-{name}": value for name, value in typed.items()})


def test_it_warns_of_runs_that_usually_take_longer_than_the_interval(editor: Client) -> None:
    make_job("slow")
    every_minute = {"schedule-kind": "interval", "schedule-every": "1", "schedule-unit": "minutes", "job": "slow"}
    for number in range(4):
        make_run("slow", took=90, ago=100 * number + 200)
    make_run("slow", State.FAILURE, took=9_000, ago=10_000)
    assert "its last runs" not in ask(editor, **every_minute)  # four say little
    for number in range(20):
        make_run("slow", took=70, ago=100 * number + 1_000)
    make_run("slow", took=5, ago=20_000)
    assert "95 of 100 of its last runs took up to 1 min 30 s" in ask(editor, **every_minute)
    assert "only 1 min apart" in ask(editor, **every_minute)
    assert "its last runs" not in ask(editor, **{**every_minute, "schedule-every": "2"})
    assert "its last runs" not in ask(editor, **{**every_minute, "job": "a\x00b"})


def test_what_is_not_right_yet_is_said_in_its_place(editor: Client) -> None:
    assert "under one second" in ask(editor, schedule__kind="interval", schedule__every="0", schedule__unit="days")
    assert "has to be filled in" in ask(editor, schedule__kind="crontab", schedule__crontab="")
    assert "Choose one." in ask(editor)
    part = {"schedule-kind": "combined", "schedule-0-kind": "crontab", "schedule-0-crontab": "x"}
    assert "has 1 fields instead of 5" in ask(editor, **part)
    assert (
        "<script>"
        not in editor.post(PREVIEW, {"schedule-kind": "crontab", "schedule-crontab": "<script>"}).content.decode()
    )


def test_a_change_of_task_brings_its_fields_and_docstring(editor: Client) -> None:
    data = {"task": "tests.app.typed_tasks.greet", "arguments-value_name": "kept", "arguments-was_json": "False"}
    response = editor.post(JOBS + "form/arguments/", data)
    text = text_of(response)
    assert "Say hello." in text and "how often, from 1" in text and "kept" in text
    assert 'name="arguments-value_loud"' in response.content.decode() and "<html" not in response.content.decode()
    switched = editor.post(JOBS + "form/arguments/", {**data, "arguments-as_json": "on"}).content.decode()
    assert "&quot;name&quot;: &quot;kept&quot;" in switched and 'value="True"' in switched


def test_the_preview_costs_few_queries(editor: Client, django_assert_max_num_queries: Any) -> None:
    make_job("slow")
    with django_assert_max_num_queries(6):
        ask(editor, **DAILY, job="slow")
