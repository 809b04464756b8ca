"""Running a job, or a run again, with what somebody fills in: what is proposed, taken and refused, and done once."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduler import clock
from scheduler.models import ScheduledTask, State, TaskRun

from .pages import JOBS, RUNS, make_job, make_run, messages_of, text_of

ADD = "tests.app.tasks.add"


def form_of(job_id: str) -> str:
    return f"{JOBS}{job_id}/run/"


def again(run: TaskRun) -> str:
    return f"{RUNS}{run.pk}/again/"


def form_fields(page: Any) -> dict[str, str]:
    """Return what a browser sends if nothing is changed on a page."""
    html = page.content.decode().split('class="sched-form run-form"')[1]
    found = {}
    for tag in re.findall(r"<input [^>]*>", html):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes.get("type") in ("checkbox", "radio") and " checked" not in tag:
            continue
        if "name" in attributes:
            found[attributes["name"]] = attributes.get("value", "on" if attributes.get("type") == "checkbox" else "")
    for name, text in re.findall(r'<textarea name="([^"]*)"[^>]*>\n?(.*?)</textarea>', html, re.DOTALL):
        found[name] = text
    return {name: unescape(value) for name, value in found.items()}


def send(client: Client, address: str, **changed: str) -> Any:
    """Open the form, change some fields and send it."""
    return client.post(address, {**form_fields(client.get(address)), **changed}, follow=True)


def only_run(*but: TaskRun) -> TaskRun:
    return TaskRun.objects.exclude(pk__in=[run.pk for run in but]).get()


# -- what is proposed and taken ----------------------------------------------------------------------------------------


def test_the_form_proposes_what_the_job_has(boss: Client) -> None:
    make_job("a", task=ADD, args=[3], queue="long", overlap="replace")
    fields = form_fields(boss.get(form_of("a")))
    assert (fields["arguments-value_a"], fields["queue"], fields["overlap"]) == ("3", "long", "replace")


def test_sent_as_it_is_it_runs_the_job_as_it_is_and_lands_on_the_run(boss: Client) -> None:
    make_job("a", task=ADD, args=[3], queue="long")
    answer = send(boss, form_of("a"))
    run = only_run()
    assert (run.args, run.kwargs, run.queue, run.requested_by) == ([3], {}, "long", "user-0")
    assert answer.redirect_chain[-1][0] == f"{RUNS}{run.pk}/change/"
    assert LogEntry.objects.get().change_message == "Run asked for."


def test_arguments_queue_and_note_can_be_changed(boss: Client) -> None:
    make_job("a", task=ADD, args=[3])
    send(boss, form_of("a"), **{"arguments-value_a": "7", "queue": "long", "note": "for the audit"})
    run = only_run()
    assert (run.args, run.queue, run.note) == ([7], "long", "for the audit")
    assert ScheduledTask.objects.get().args == [3]
    assert LogEntry.objects.get().change_message == "Run asked for, with other arguments."


def test_arguments_can_be_given_as_json(boss: Client) -> None:
    make_job("a", task=ADD, args=[3])
    send(
        boss,
        form_of("a"),
        **{"arguments-as_json": "on", "arguments-args_json": "[1]", "arguments-kwargs_json": '{"b": 2}'},
    )
    assert (only_run().args, only_run().kwargs) == ([1], {"b": 2})


def test_overlap_is_chosen_in_plain_words(boss: Client) -> None:
    make_job("a", task=ADD, args=[1])
    live = make_run("a", State.QUEUED)
    text = text_of(boss.get(form_of("a")))
    assert "At the moment 1 run of this job is live, of 1 at most." in text and "It waits in line" in text
    send(boss, form_of("a"))
    waiting = only_run(live)
    assert waiting.waiting
    send(boss, form_of("a"), overlap="allow")
    assert not only_run(live, waiting).waiting
    send(boss, form_of("a"), overlap="replace")
    live.refresh_from_db()
    assert live.state == State.CANCELLED


def test_a_run_is_run_again_with_changed_arguments(boss: Client) -> None:
    make_job("a", task=ADD, args=[9])
    run = make_run("a", State.FAILURE, task=ADD, args=[1], kwargs={"b": 2}, queue="long")
    fields = form_fields(boss.get(again(run)))
    assert (fields["arguments-value_a"], fields["arguments-value_b"], fields["queue"]) == ("1", "2", "long")
    answer = send(boss, again(run), **{"arguments-value_b": "5"})
    new = only_run(run)
    assert (new.args, new.kwargs, new.queue) == ([1], {"b": 5}, "long")
    assert f"Repeats {run.pk}" in text_of(answer)


def test_a_masked_secret_that_is_left_as_it_is_runs_as_it_was(boss: Client) -> None:
    make_job("a", task="tests.app.typed_tasks.log_in")
    run = make_run("a", task="tests.app.typed_tasks.log_in", kwargs={"user": "ann", "password": "hush-hush"})
    assert b"hush-hush" not in boss.get(again(run)).content
    send(boss, again(run), **{"arguments-value_user": "bob"})
    assert only_run(run).kwargs == {"user": "bob", "password": "hush-hush"}


def test_fields_become_json_and_back_without_a_reload(boss: Client) -> None:
    make_job("a", task=ADD, args=[3])
    fields = {**form_fields(boss.get(form_of("a"))), "arguments-value_a": "8", "arguments-as_json": "on"}
    answer = boss.post(form_of("a"), fields, headers={"HX-Request": "true"})
    assert b"<html" not in answer.content and b"[\n  8\n]" in answer.content and not TaskRun.objects.exists()


# -- once --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["form of a job", "form of a run", "button of a job", "button of a run", "list"])
def test_what_is_sent_twice_runs_once(boss: Client, way: str) -> None:
    make_job("a", task=ADD, args=[3])
    run = make_run("a", task=ADD, args=[1])
    token = {"token": str(uuid.uuid4())}
    address, data = {
        "form of a job": (form_of("a"), form_fields(boss.get(form_of("a")))),
        "form of a run": (again(run), form_fields(boss.get(again(run)))),
        "button of a job": (f"{JOBS}a/change/", {"action": "run_now", **token}),
        "button of a run": (f"{RUNS}{run.pk}/change/", {"action": "run_again", **token}),
        "list": (RUNS, {"action": "run_again", "_selected_action": str(run.pk), "index": "0", **token}),
    }[way]
    landed = [boss.post(address, data, follow=True).redirect_chain[-1][0] for _ in range(2)]
    new = only_run(run)
    assert landed == [f"{RUNS}{new.pk}/change/"] * 2


def test_every_form_that_runs_something_has_a_token_of_its_own(boss: Client) -> None:
    make_job("a", task=ADD, args=[3])
    run = make_run("a")
    for page in (form_of("a"), again(run), f"{JOBS}a/change/", f"{RUNS}{run.pk}/change/", RUNS):
        tokens = [re.findall(r'name="token" value="([0-9a-f-]{36})"', boss.get(page).content.decode()) for _ in "ab"]
        assert len(tokens[0]) == 1 and tokens[0] != tokens[1], page


# -- refused -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"arguments-value_a": "x"}, "“x” is not a whole number"),
        ({"arguments-value_a": ""}, "The task needs it."),
        ({"arguments-as_json": "on", "arguments-args_json": "[1"}, "is not JSON"),
        ({"arguments-as_json": "on", "arguments-args_json": "[1, 2, 3]"}, "too many positional arguments"),
        ({"queue": "a b"}, "is not a queue name"),
        ({"queue": "x\x00"}, "Null characters are not allowed"),
        ({"overlap": "both"}, "is not one of the available choices"),
        ({"note": "x\x00"}, "Null characters are not allowed"),
        ({"note": "x" * 2_001}, "at most 2000 characters"),
    ],
)
def test_what_does_not_fit_is_said_at_its_field_and_nothing_typed_is_lost(
    boss: Client, changed: dict[str, str], words: str
) -> None:
    make_job("a", task=ADD, args=[3])
    answer = send(boss, form_of("a"), **{"note": "keep me", **changed})
    text = text_of(answer)
    assert words in text and "It was not run." in text and not TaskRun.objects.exists()
    assert "keep me" in text or "note" in changed


def test_a_job_that_was_removed_while_its_form_was_open_is_not_run(boss: Client) -> None:
    make_job("a", task=ADD, args=[3])
    fields = form_fields(boss.get(form_of("a")))
    ScheduledTask.objects.update(removed_at=clock.now())
    text = text_of(boss.post(form_of("a"), {**fields, "note": "keep me"}))
    assert "has been removed meanwhile" in text and "keep me" in text and not TaskRun.objects.exists()
    assert "It has been removed" in messages_of(boss.get(form_of("a"), follow=True))[0]
    ScheduledTask.objects.all().delete()
    assert "There is no job" in messages_of(boss.post(form_of("a"), fields, follow=True))[0]


def test_a_run_that_has_not_ended_or_has_lost_its_job_is_not_run_again(boss: Client) -> None:
    make_job("a", task=ADD)
    live, orphan = make_run("a", State.RUNNING, ago=3), make_run("gone", ago=3)
    assert "It has not ended yet" in messages_of(boss.get(again(live), follow=True))[0]
    assert "Its job is gone" in messages_of(boss.post(again(orphan), {}, follow=True))[0]
    assert "There is no run" in messages_of(boss.get(f"{RUNS}{uuid.uuid4()}/again/", follow=True))[0]
    assert TaskRun.objects.count() == 2


def test_a_task_that_is_unknown_by_now_is_told(boss: Client) -> None:
    make_job("a", task="no.such.task")
    assert "no.such.task" in text_of(send(boss, form_of("a"), **{"arguments-as_json": "on"}))
    assert not TaskRun.objects.exists()


@pytest.mark.parametrize("token", ["", "x" * 10_000, "<script>", "\x00", "../.."])
def test_a_forged_token_gives_a_run_like_any_other(boss: Client, token: str) -> None:
    make_job("a", task=ADD, args=[3])
    send(boss, form_of("a"), token=token)
    assert only_run().pk.version == 4


# -- rights ------------------------------------------------------------------------------------------------------------


def test_whoever_may_not_choose_arguments_runs_the_job_with_its_own(login: Callable[..., Client]) -> None:
    make_job("a", task=ADD, args=[3])
    client = login("run_job", "view_arguments")
    page = client.get(form_of("a"))
    assert "arguments-value_a" not in page.content.decode() and "[ 3 ]" in text_of(page)
    data = form_fields(page)
    assert client.post(form_of("a"), {**data, "arguments-value_a": "7"}).status_code == 403
    assert not TaskRun.objects.exists()
    client.post(form_of("a"), data)
    assert only_run().args == [3]


def test_whoever_may_not_see_arguments_does_not_see_them_here_either(login: Callable[..., Client]) -> None:
    make_job("a", task=ADD, args=["given-1"])
    run = make_run("a", task=ADD, args=["given-1"])
    client = login("run_job", "run_job_with_arguments")
    for page in (form_of("a"), again(run)):
        assert "given-1" not in client.get(page).content.decode()
        assert client.post(page, {"arguments-value_a": "1", "overlap": "queue"}).status_code == 403
    assert TaskRun.objects.count() == 1


def test_a_run_with_other_arguments_than_its_jobs_is_repeated_only_by_those_who_may_choose_them(
    login: Callable[..., Client],
) -> None:
    make_job("a", task=ADD, args=[3])
    own, other = make_run("a", task=ADD, args=[3]), make_run("a", task=ADD, args=[4], ago=5)
    client = login("run_job")
    for address, data in (
        (again(other), form_fields(client.get(again(other)))),
        (f"{RUNS}{other.pk}/change/", {"action": "run_again"}),
        (RUNS, {"action": "run_again", "_selected_action": str(other.pk), "index": "0"}),
    ):
        assert "may not choose arguments" in text_of(client.post(address, data, follow=True))
    assert TaskRun.objects.count() == 2
    client.post(f"{RUNS}{own.pk}/change/", {"action": "run_again"})
    assert only_run(own, other).args == [3]


def test_cancelling_what_still_runs_needs_its_right_unless_the_job_says_so(login: Callable[..., Client]) -> None:
    make_job("a", task=ADD, args=[3])
    make_job("b", task=ADD, args=[3], overlap="replace")
    live = make_run("a", State.QUEUED)
    client = login("run_job")
    assert "What still runs is cancelled" not in text_of(client.get(form_of("a")))
    assert "available choices" in text_of(send(client, form_of("a"), overlap="replace"))
    live.refresh_from_db()
    assert live.state == State.QUEUED and "What still runs is cancelled" in text_of(client.get(form_of("b")))


def test_a_task_that_asks_for_a_permission_gets_it_everywhere(boss: Client, settings: Any) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "TASK_PERMISSIONS": {"tests.app.tasks.*": "auth.add_user"}}
    make_job("a", task=ADD, args=[3])
    run = make_run("a", task=ADD, args=[3])
    assert "auth.add_user" in text_of(send(boss, form_of("a"))) and "auth.add_user" in text_of(send(boss, again(run)))
    for address, action in ((f"{JOBS}a/change/", "run_now"), (f"{RUNS}{run.pk}/change/", "run_again")):
        assert "auth.add_user" in messages_of(boss.post(address, {"action": action}, follow=True))[0]
    assert TaskRun.objects.count() == 1


def test_whoever_may_not_see_runs_lands_on_the_job(login: Callable[..., Client]) -> None:
    make_job("a", task=ADD, args=[3])
    client = login("run_job", "view_scheduledtask", view=False)
    assert send(client, form_of("a")).redirect_chain[-1][0] == f"{JOBS}a/change/"


def test_from_the_list_one_job_is_run_with_other_arguments(boss: Client) -> None:
    make_job("a/b", task=ADD, args=[3])
    make_job("c")
    answer = boss.post(JOBS, {"action": "run_with", "_selected_action": "a/b", "index": 0}, follow=True)
    assert "Run a/b now" in text_of(answer)
    answer = boss.post(JOBS, {"action": "run_with", "_selected_action": ["a/b", "c"], "index": 0}, follow=True)
    assert messages_of(answer) == ["Select one job: each has arguments of its own."]


def test_the_queues_that_jobs_name_and_workers_hear_are_proposed(boss: Client) -> None:
    make_job("a", queue="long")
    make_job("b")
    html = boss.get(form_of("b")).content.decode()
    assert '<option value="long">' in html and '<option value="default">' in html
