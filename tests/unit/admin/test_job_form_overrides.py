"""Jobs declared in code: the form says which fields the code owns, and gives one back without losing other input."""

from __future__ import annotations

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduler import modify_job
from scheduler.lookup import get_job
from scheduler.overrides import overridden
from scheduler.schedules import restore_trigger
from scheduler.syncing import sync
from scheduler.triggers import describe
from tests.app.typed_tasks import greet
from tests.unit.test_registry import Declare, declare

from .job_forms import data_of, edit_url, greeting, opened, send
from .pages import messages_of, text_of

__all__ = ["declare"]  # a fixture that the tests here use as well
EDIT = edit_url("hello")


@pytest.fixture
def declared(declare: Declare, db: None) -> None:
    declare((greet, "interval", {"minutes": 5, "id": "hello", "args": ["ann"], "queue": "long", "overlap": "queue"}))
    sync()


def test_the_form_says_which_fields_the_code_owns(declared: None, editor: Client) -> None:
    text = text_of(editor.get(EDIT))
    assert "This job is declared in code." in text and "Queue from the code" in text and "_revert" not in text
    greeting(id="other")
    assert "from the code" not in text_of(editor.get(edit_url("other")))


def test_a_changed_field_shows_what_the_code_says(declared: None, editor: Client) -> None:
    send(
        editor, EDIT, opened(editor, EDIT), queue="mine", overlap="skip", schedule__every="7", arguments__value_name="b"
    )
    page = editor.get(EDIT)
    assert page.context["overrides"] == {
        "queue": "long", "overlap": "wait in line", "schedule": "every 5 minutes (UTC)", "args": '["ann"]',
    }  # fmt: skip
    for words in ("Queue changed here", "The code says: wait in line", "The code says: every 5 minutes"):
        assert words in text_of(page), words
    assert sync().changed == [] and get_job("hello").queue == "mine"


def test_one_button_gives_a_field_back_and_other_input_stays(declared: None, editor: Client) -> None:
    modify_job("hello", queue="mine", overlap="skip", args=["bob"], trigger={"type": "cron", "hour": 6})
    data = opened(editor, EDIT) | {"owner": "typed", "priority": "x"}
    response = send(editor, EDIT, data, _revert="queue")
    assert "The code decides about it again." in messages_of(response)[0]
    assert get_job("hello").queue == "long" and get_job("hello").owner == ""
    assert set(overridden(get_job("hello"))) == {"overlap", "args", "schedule"}
    kept = data_of(response)
    assert (kept["owner"], kept["priority"], kept["queue"], kept["overlap"]) == ("typed", "x", "long", "skip")
    response = send(editor, EDIT, kept, _revert="schedule")
    assert describe(restore_trigger(get_job("hello"))) == "every 5 minutes"
    assert data_of(response)["schedule-kind"] == "interval" and data_of(response)["owner"] == "typed"
    response = send(editor, EDIT, data_of(response), _revert="args")
    assert get_job("hello").args == ["ann"] and data_of(response)["arguments-value_name"] == "ann"
    send(editor, EDIT, data_of(response), priority="1")
    assert (get_job("hello").owner, get_job("hello").priority) == ("typed", 1)
    assert set(overridden(get_job("hello"))) == {"overlap", "owner", "priority"}
    assert "queue: mine → long" in LogEntry.objects.order_by("pk")[0].get_change_message()


def test_nothing_is_given_back_under_somebody_elses_change(declared: None, editor: Client) -> None:
    modify_job("hello", queue="mine")
    data = opened(editor, EDIT)
    modify_job("hello", owner="theirs")
    response = send(editor, EDIT, data, _revert="queue")
    assert [row["label"] for row in response.context["others"]] == ["owner"] and get_job("hello").queue == "mine"


@pytest.mark.parametrize("forged", ["paused_at", "", "\x00", "<b>"])
def test_a_forged_field_is_refused(declared: None, editor: Client, forged: str) -> None:
    response = send(editor, EDIT, opened(editor, EDIT), _revert=forged)
    assert "is not the code's" in messages_of(response)[0] and "<b>" not in messages_of(response)[0].split("'")[0]
