"""Who may do what on the form, by permission of the app and of the task; enforced, and not merely hidden."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from scheduler import add_job, pause_job
from scheduler.lookup import get_job, state_of
from scheduler.models import ScheduledTask, ServiceProcess, TaskRun

from .job_forms import ADD, GREET, data_of_form, edit_url, faults, greeting, opened, send
from .pages import JOBS, messages_of, text_of

FRAGMENTS = (JOBS + "form/arguments/", JOBS + "form/preview/")
EDIT = edit_url("hello")


def test_a_viewer_may_neither_open_nor_send_any_of_it(login: Callable[..., Client]) -> None:
    greeting()
    viewer = login("run_job", "pause_job", "view_arguments")
    for url in (ADD, EDIT):
        assert viewer.get(url).status_code == 403 and viewer.post(url, {"name": "x"}).status_code == 403
    for url in FRAGMENTS:
        assert viewer.post(url, {"task": GREET}).status_code == 403
    page = viewer.get(JOBS + "hello/change/").content.decode()
    assert "/edit/" not in page and "?like=" not in page and ADD not in viewer.get(JOBS).content.decode()


def test_adding_and_changing_are_two_permissions(login: Callable[..., Client]) -> None:
    greeting()
    adder, changer = login("add_scheduledtask"), login("change_scheduledtask")
    assert (adder.get(ADD).status_code, adder.get(EDIT).status_code) == (200, 403)
    assert (changer.get(ADD).status_code, changer.get(EDIT).status_code) == (403, 200)
    data = opened(adder, f"{ADD}?task={GREET}") | {"arguments-value_name": "x", "id": "new"}
    assert changer.post(ADD, data).status_code == 403
    send(adder, ADD, data)
    assert get_job("new").kwargs == {"name": "x"}


def test_nothing_goes_without_a_csrf_token_and_fragments_take_no_get(editor: Client) -> None:
    greeting()
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    for url in (ADD, EDIT, *FRAGMENTS):
        assert strict.post(url, {"name": "x"}).status_code == 403
    assert [editor.get(url).status_code for url in FRAGMENTS] == [405, 405]


def test_who_may_not_see_arguments_changes_the_rest_and_not_the_task(login: Callable[..., Client]) -> None:
    greeting(kwargs={"times": 3})
    changer = login("change_scheduledtask", "add_scheduledtask")
    page = changer.get(EDIT)
    assert "You may not see what it is given" in text_of(page) and "ann" not in text_of(page)
    send(changer, EDIT, opened(changer, EDIT), queue="long", task="tests.app.tasks.take", arguments__value_name="eve")
    job = get_job("hello")
    assert (job.queue, job.task, job.args, job.kwargs) == ("long", GREET, ["ann"], {"times": 3})
    assert changer.post(FRAGMENTS[0], {"task": GREET, "job": "hello"}).status_code == 403
    copy = changer.get(ADD + "?like=hello")
    assert "ann" not in text_of(copy) and copy.context["form"].arguments.args == []
    send(changer, ADD, data_of_form(copy.context["form"]) | {"like": "hello", "arguments-value_name": "x"})
    assert get_job("hello-copy").kwargs == {"name": "x"}


def test_who_may_add_and_not_look_copies_nothing(login: Callable[..., Client]) -> None:
    greeting(queue="long", owner="somebody")
    adder = login("add_scheduledtask", "view_arguments", view=False)
    page = adder.get(ADD + "?like=hello")
    assert page.context["like"] is None and "somebody" not in page.content.decode()


@pytest.fixture
def guarded(settings: Any, db: None) -> None:
    """The task of the job `hello` asks for a permission."""
    settings.SCHEDULER = {**settings.SCHEDULER, "TASK_PERMISSIONS": {"*.greet": "scheduler.cancel_run"}}
    greeting()


def test_a_task_that_asks_for_a_permission_is_not_offered_and_not_taken_without_it(
    guarded: None, editor: Client
) -> None:
    data = opened(editor, f"{ADD}?task=tests.app.tasks.do_nothing") | {"id": "new"}
    assert GREET not in [task.name for task in editor.get(ADD).context["tasks"]]
    response = send(editor, ADD, data, task=GREET, arguments__value_name="x")
    assert "for people with the permission scheduler.cancel_run" in faults(response)["task"][0]
    assert editor.get(EDIT).status_code == 403 and editor.post(EDIT, data).status_code == 403
    assert editor.post(FRAGMENTS[0], {"task": GREET, "job": "hello"}).status_code == 403
    assert ScheduledTask.objects.count() == 1


def test_with_the_permission_it_is_as_any_other(guarded: None, login: Callable[..., Client]) -> None:
    trusted = login("change_scheduledtask", "view_arguments", "cancel_run")
    send(trusted, EDIT, opened(trusted, EDIT), queue="long")
    assert get_job("hello").queue == "long"


def test_the_permission_of_a_task_counts_for_each_action_too(
    guarded: None, boss: Client, login: Callable[..., Client]
) -> None:
    add_job("tests.app.tasks.do_nothing", "interval", minutes=5, id="free")
    operator = login("run_job", "pause_job", "delete_scheduledtask")
    for action in ("run_now", "pause", "resume", "remove"):
        if action == "resume":
            pause_job("hello")
        data = {"action": action, "_selected_action": ["hello", "free"], "index": 0, "confirmed": "yes"}
        told = messages_of(operator.post(JOBS, data, follow=True))
        assert "hello" in told[0] and "is for people with the permission scheduler.cancel_run" in told[0], told
    assert state_of(get_job("hello")) == "paused" and state_of(get_job("free")) == "removed"
    assert [run.job_id for run in TaskRun.objects.all()] == ["free"]
    boss.post(JOBS, {"action": "resume", "_selected_action": ["hello"], "index": 0})
    assert state_of(get_job("hello")) == "scheduled"


def test_a_task_off_the_allow_list_is_not_offered_and_not_taken(settings: Any, editor: Client) -> None:
    greeting()
    settings.SCHEDULER = {**settings.SCHEDULER, "ALLOWED_TASKS": ["tests.app.tasks.*"]}
    offered = [task.name for task in editor.get(ADD).context["tasks"]]
    assert offered and all(name.startswith("tests.app.tasks.") for name in offered)
    data = opened(editor, f"{ADD}?task={GREET}") | {"arguments-value_name": "x", "id": "new"}
    assert "may not be scheduled" in faults(send(editor, ADD, data))["task"][0]
    assert "may not be scheduled" in faults(send(editor, EDIT, opened(editor, EDIT), queue="x"))["task"][0]


def test_tasks_of_live_workers_are_offered_and_celerys_own_are_not(editor: Client) -> None:
    from django.db.models.functions import Now

    worker = {"kind": "worker", "name": "w", "host": "h", "pid": 1, "started_at": Now(), "heartbeat_at": Now()}
    ServiceProcess.objects.create(**worker, tasks=["other.task", "celery.ping"], queues=["elsewhere"])
    page = editor.get(ADD + "?task=other.task")
    offered = {task.name: task for task in page.context["tasks"]}
    assert not offered["other.task"].known_here and offered[GREET].known_here
    assert offered[GREET].summary == "Say hello." and "celery.ping" not in offered
    assert "The signature of this task is not known here" in text_of(page)
    assert 'id="sched-queues"><option value="default"><option value="elsewhere">' in page.content.decode()
    data = opened(editor, ADD + "?task=other.task") | {"id": "new", "arguments-kwargs_json": '{"a": 1}'}
    send(editor, ADD, data)
    assert (get_job("new").task, get_job("new").kwargs) == ("other.task", {"a": 1})
