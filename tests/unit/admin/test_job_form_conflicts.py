"""Forms of which the job went on: what others changed is shown, what was typed stays, and nothing is half saved."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduler import modify_job, pause_job, remove_job
from scheduler.admin import job_form
from scheduler.lookup import get_job, state_of
from scheduler.models import ScheduledTask
from scheduler.schedules import restore_trigger
from scheduler.triggers import describe

from .job_forms import ADD, GREET, data_of, edit_url, faults, greeting, opened, send
from .pages import JOBS, messages_of, text_of

EDIT = edit_url("hello")


def conflicts(response: Any) -> list[tuple[str, str, str]]:
    return [(row["label"], row["theirs"], row["mine"]) for row in response.context["others"]]


def test_what_somebody_else_changed_is_shown_beside_mine_and_nothing_is_saved(editor: Client) -> None:
    greeting()
    data = opened(editor, EDIT)
    modify_job("hello", queue="theirs", args=["eve"], trigger={"type": "cron", "hour": 6})
    response = send(editor, EDIT, data, queue="mine", owner="me", arguments__value_name="bob")
    assert conflicts(response) == [
        ("positional arguments", '["eve"]', '["bob"]'),
        ("schedule", "every day at 06:00 (UTC)", "every 5 minutes (UTC)"),
        ("queue", "theirs", "mine"),
    ]
    job = get_job("hello")
    assert (job.queue, job.owner, job.args) == ("theirs", "", ["eve"])
    assert 'value="mine"' in response.content.decode() and ">bob</textarea>" in response.content.decode().replace(
        "\n", ""
    )
    assert not LogEntry.objects.exists()


def test_one_button_saves_mine_over_it(editor: Client) -> None:
    greeting()
    data = opened(editor, EDIT)
    modify_job("hello", queue="theirs", trigger={"type": "cron", "hour": 6})
    response = send(editor, EDIT, data, queue="mine")
    again = send(editor, EDIT, data_of(response))
    assert conflicts(again), "without the button it is a conflict as before"
    done = send(editor, EDIT, data_of(response), _over=response.context["now_version"])
    assert "Saved the job" in messages_of(done)[0]
    assert get_job("hello").queue == "mine" and describe(restore_trigger(get_job("hello"))) == "every 5 minutes"
    assert "queue: theirs → mine" in LogEntry.objects.get().get_change_message()


def test_what_was_shown_is_what_is_saved_over(editor: Client) -> None:
    greeting()
    data = opened(editor, EDIT)
    modify_job("hello", queue="theirs")
    response = send(editor, EDIT, data, queue="mine")
    modify_job("hello", queue="another")
    again = send(editor, EDIT, data_of(response), _over=response.context["now_version"])
    assert conflicts(again) == [("queue", "another", "mine")] and get_job("hello").queue == "another"
    forged = send(editor, EDIT, data_of(response), _over="x")
    assert conflicts(forged) and get_job("hello").queue == "another"


def test_a_change_in_the_very_moment_of_saving_is_noticed(editor: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    greeting()
    data = opened(editor, EDIT)
    modify = job_form.jobs.modify_job

    def somebody_is_faster(*args: Any, **changes: Any) -> Any:
        monkeypatch.setattr(job_form.jobs, "modify_job", modify)
        modify("hello", queue="theirs")
        return modify(*args, **changes)

    monkeypatch.setattr(job_form.jobs, "modify_job", somebody_is_faster)
    response = send(editor, EDIT, data, queue="mine")
    assert conflicts(response) == [("queue", "theirs", "mine")] and get_job("hello").queue == "theirs"


def test_a_pause_meanwhile_is_no_conflict(editor: Client) -> None:
    greeting()
    data = opened(editor, EDIT)
    pause_job("hello")
    send(editor, EDIT, data, owner="me")
    assert get_job("hello").owner == "me" and state_of(get_job("hello")) == "paused"


@pytest.mark.parametrize("forged", ["", "[]", "{", "\x00", '{"queue": 1}'])
def test_a_form_without_what_it_was_made_of_is_taken_for_an_old_one(editor: Client, forged: str) -> None:
    greeting()
    response = send(editor, EDIT, opened(editor, EDIT), version=forged, base=forged, queue="mine")
    assert conflicts(response) and get_job("hello").queue == ""


def test_it_says_who_changed_it(editor: Client, login: Callable[..., Client]) -> None:
    greeting()
    data, other = opened(editor, EDIT), login("change_scheduledtask", "view_arguments")
    send(other, EDIT, opened(other, EDIT), queue="theirs")
    assert "The last change is by user-1" in text_of(send(editor, EDIT, data, queue="mine"))


def test_a_wrong_form_that_is_old_as_well_tells_both(editor: Client) -> None:
    greeting()
    data = opened(editor, EDIT)
    modify_job("hello", queue="theirs")
    response = send(editor, EDIT, data, priority="-1")
    assert conflicts(response) == [("queue", "theirs", "not right yet: see below")] and "priority" in faults(response)


def test_a_job_that_was_removed_meanwhile_is_added_anew_with_what_was_typed(editor: Client) -> None:
    greeting(kwargs={"times": 2}, tags=["a"])
    data = opened(editor, EDIT)
    remove_job("hello")
    response = send(editor, EDIT, data, queue="mine")
    assert "This job was removed while you edited it. Nothing was saved." in text_of(response)
    assert "Add it anew" in text_of(response) and state_of(get_job("hello")) == "removed"
    done = send(editor, ADD, data_of(response))
    assert "Added the job" in messages_of(done)[0]
    job = get_job("hello")
    assert (state_of(job), job.queue, job.args, job.kwargs, job.tags) == (
        "scheduled", "mine", ["ann"], {"times": 2}, ["a"],
    )  # fmt: skip


def test_a_job_whose_rows_are_gone_is_added_anew_too(editor: Client) -> None:
    greeting()
    data = opened(editor, EDIT)
    ScheduledTask.objects.all().delete()
    get_job_row().delete()
    response = send(editor, EDIT, data, queue="mine")
    assert "This job was removed" in text_of(response)
    send(editor, ADD, data_of(response))
    assert (get_job("hello").task, get_job("hello").queue) == (GREET, "mine")


def get_job_row() -> Any:
    from django_apscheduler.models import DjangoJob

    return DjangoJob.objects.all()


def test_who_may_not_add_keeps_his_input_and_learns_why(login: Callable[..., Client]) -> None:
    greeting()
    changer = login("change_scheduledtask", "view_arguments")
    data = opened(changer, EDIT)
    remove_job("hello")
    response = send(changer, EDIT, data, queue="mine")
    assert "you may not add jobs" in text_of(response) and 'value="mine"' in response.content.decode()
    assert "Add it anew</button>" not in response.content.decode()


def test_the_form_of_a_job_that_is_not_there_leads_away(editor: Client) -> None:
    greeting()
    remove_job("hello")
    response = editor.get(EDIT, follow=True)
    assert response.redirect_chain == [(JOBS + "hello/change/", 302)] and "was removed" in messages_of(response)[0]
    for forged in ("gone", "a_00b", "_22_3Cb_3E"):
        response = editor.get(edit_url(forged), follow=True)
        assert "There is no job" in messages_of(response)[0] and response.redirect_chain == [(JOBS, 302)]
    assert editor.get(ADD + "?like=a%00b&task=%00").status_code == 200
