"""What is done to all runs that match, after a question that says what and how many."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from scheduler.admin import run_actions
from scheduler.models import BulkAction, State, TaskRun

from .pages import RUNS, make_job, make_run, messages_of, text_of

ALL = {"select_across": "1", "index": "0"}


def hidden_of(question: Any) -> dict[str, str]:
    """Return what a question's form sends."""
    form = question.content.decode().split("sched-buttons")[1]
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))


def confirm(client: Client, address: str, action: str) -> Any:
    """Ask for an action on all that match, and send the question's form."""
    return client.post(address, hidden_of(client.post(address, {"action": action, **ALL})), follow=True)


def test_the_list_offers_all_that_match_once_beside_its_actions(boss: Client) -> None:
    make_run("a")
    form = boss.get(RUNS).content.decode().split('id="changelist-form"')[1]
    assert re.findall(r'<input [^>]*name="select_across"[^>]*>', form) == [
        '<input type="checkbox" name="select_across" value="1">'
    ]
    assert "all that match, on every page" in form and 'value="run_again"' in form


def test_an_action_on_all_that_match_asks_first_and_says_what_and_how_many(boss: Client) -> None:
    make_job("a")
    for n in range(60):
        make_run("a", State.QUEUED, ago=n + 1)
    make_run("a", State.RUNNING, ago=90)
    make_run("a", ago=91)
    text = text_of(boss.post(RUNS + "?job=a", {"action": "cancel", **ALL}))
    assert "Cancel 61 runs?" in text and "queued 60" in text and "running 1" in text and "and 51 more" in text
    assert set(TaskRun.objects.values_list("state", flat=True)) == {"queued", "running", "success"}


def test_all_that_match_are_meant_and_no_others(boss: Client) -> None:
    make_job("a")
    mine = [make_run("a", State.QUEUED, ago=n + 1) for n in range(60)]
    other = make_run("b", State.QUEUED)
    assert "Cancelled 60 runs." in messages_of(confirm(boss, RUNS + "?job=a", "cancel"))
    assert TaskRun.objects.filter(pk__in=[run.pk for run in mine], state="cancelled").count() == 60
    other.refresh_from_db()
    assert other.state == "queued"


def test_a_run_that_came_after_the_question_is_not_meant(boss: Client) -> None:
    make_job("a")
    old = make_run("a", State.QUEUED)
    question = boss.post(RUNS, {"action": "cancel", **ALL}).content.decode()
    new = make_run("a", State.QUEUED, ago=0)
    asked_at = re.findall(r'name="asked_at" value="([^"]*)"', question)[0]
    boss.post(RUNS, {"action": "cancel", **ALL, "confirmed": "yes", "asked_at": asked_at})
    assert dict(TaskRun.objects.values_list("pk", "state")) == {old.pk: "cancelled", new.pk: "queued"}


def test_more_than_a_request_can_do_is_left_to_the_engine_and_lands_on_its_progress(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_actions, "AT_ONCE", 3)
    make_job("a")
    runs = [make_run("a", State.FAILURE, ago=n + 1) for n in range(5)]
    make_run("a", State.QUEUED)
    assert "in the background" in text_of(boss.post(RUNS, {"action": "run_again", **ALL}))
    answer = confirm(boss, RUNS, "run_again")
    started = BulkAction.objects.get()
    assert answer.redirect_chain[-1][0] == f"/admin/scheduler/bulkaction/{started.pk}/change/"
    assert (started.total, started.requested_by) == (5, "user-0")
    assert sorted(key for part in started.parts.all() for key in part.ids) == sorted(str(run.pk) for run in runs)
    assert TaskRun.objects.count() == 6


def test_a_question_that_is_answered_twice_begins_one_bulk_action(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_actions, "AT_ONCE", 1)
    make_job("a")
    for n in range(3):
        make_run("a", ago=n + 1)
    hidden = hidden_of(boss.post(RUNS, {"action": "run_again", **ALL}))
    landed = [boss.post(RUNS, hidden, follow=True).redirect_chain[-1][0] for _ in range(2)]
    assert landed == [f"/admin/scheduler/bulkaction/{BulkAction.objects.get().pk}/change/"] * 2
    other = hidden_of(boss.post(RUNS, {"action": "run_again", **ALL}))
    boss.post(RUNS, other)
    assert BulkAction.objects.count() == 2


def test_a_task_that_asks_for_a_permission_is_not_begun_with_many_others(
    boss: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_actions, "AT_ONCE", 1)
    settings.SCHEDULER = {**settings.SCHEDULER, "TASK_PERMISSIONS": {"secret.*": "auth.add_user"}}
    make_job("a")
    make_run("a")
    make_run("a", ago=3, task="secret.task")
    assert "auth.add_user" in messages_of(confirm(boss, RUNS, "run_again"))[0] and not BulkAction.objects.exists()


def test_so_many_are_run_again_only_for_those_who_may_choose_arguments(
    login: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_actions, "AT_ONCE", 1)
    make_job("a")
    make_run("a", ago=1)
    make_run("a", ago=2)
    client = login("run_job")
    told = messages_of(confirm(client, RUNS, "run_again"))
    assert "may choose arguments" in told[0] and not BulkAction.objects.exists()


def test_one_action_takes_no_more_than_one_stretch_and_says_so(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_actions, "STRETCH", 10)
    make_job("a")
    for n in range(12):
        make_run("a", State.QUEUED, ago=n + 1)
    text = text_of(boss.post(RUNS, {"action": "cancel", **ALL}))
    assert "Cancel 10 runs?" in text and "these are the newest of them" in text


def test_where_none_fits_nothing_is_asked(boss: Client) -> None:
    make_run("a")
    assert "there is none to do that to" in messages_of(boss.post(RUNS, {"action": "cancel", **ALL}, follow=True))[0]


@pytest.mark.parametrize("action", ["cancel", "run_again"])
def test_all_that_match_need_the_same_right_as_one(login: Callable[..., Client], action: str) -> None:
    make_run("a", State.QUEUED)
    other = login({"cancel": "run_job", "run_again": "cancel_run"}[action])
    assert other.post(RUNS, {"action": action, **ALL}).status_code == 403
    assert other.post(RUNS, {"action": action, **ALL, "confirmed": "yes"}).status_code == 403
    assert TaskRun.objects.get().state == "queued"


@pytest.mark.parametrize("asked_at", ["", "x", "9999-01-01T00:00:00+00:00"])
def test_a_forged_instant_of_the_question_means_now(boss: Client, asked_at: str) -> None:
    make_job("a")
    run = make_run("a", State.QUEUED)
    boss.post(RUNS, {"action": "cancel", **ALL, "confirmed": "yes", "asked_at": asked_at})
    run.refresh_from_db()
    assert run.state == "cancelled"
