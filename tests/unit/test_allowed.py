"""The allow-list of tasks holds for every way in; the permissions of tasks are told by the settings."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Permission, User

from scheduler import (
    add_job,
    allowed,
    modify_job,
    pause_job,
    registry,
    remove_job,
    resume_job,
    run_job,
    scheduled_job,
    syncing,
)
from scheduler.exceptions import InvalidInput
from scheduler.lookup import get_job, state_of
from scheduler.models import TaskRun
from tests.app.tasks import add

ADD, NAP = "tests.app.tasks.add", "tests.app.tasks.nap"
pytestmark = pytest.mark.django_db


def allow(settings: Any, *patterns: str) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "ALLOWED_TASKS": list(patterns)}


def test_every_task_is_allowed_unless_the_settings_say_otherwise(settings: Any) -> None:
    assert allowed.is_allowed("any.task")
    allow(settings, "tasks.*", "tests.app.tasks.[an]*")
    assert allowed.is_allowed("tasks.print_time") and allowed.is_allowed(ADD)
    assert not allowed.is_allowed("tests.app.tasks.say_time") and not allowed.is_allowed("Tasks.print_time")
    allow(settings)
    assert not allowed.is_allowed(ADD)


def test_a_task_off_the_list_can_be_neither_added_nor_changed_nor_run_nor_resumed(settings: Any) -> None:
    add_job(ADD, "interval", minutes=5, id="a", args=[1])
    add_job(ADD, "interval", minutes=5, id="held", args=[1])
    pause_job("held")
    allow(settings, NAP)
    for attempt in (
        lambda: add_job(ADD, "interval", minutes=5, id="b", args=[1]),
        lambda: modify_job("a", queue="long"),
        lambda: modify_job("a", args=[2]),
        lambda: run_job("a"),
        lambda: resume_job("held"),
    ):
        with pytest.raises(InvalidInput) as caught:
            attempt()
        assert caught.value.field == "task" and "ALLOWED_TASKS" in str(caught.value) and NAP in str(caught.value)
    assert get_job("a").queue == "" and get_job("a").args == [1] and state_of(get_job("held")) == "paused"
    assert not TaskRun.objects.exists()
    pause_job("a")
    remove_job("a")  # what ends a job is always possible


def test_a_job_may_be_moved_to_a_task_that_is_on_the_list(settings: Any) -> None:
    add_job(ADD, "interval", minutes=5, id="a", args=[1])
    allow(settings, NAP)
    assert modify_job("a", task=NAP, args=[1]).task == NAP


def test_a_declaration_of_a_task_off_the_list_is_reported(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(settings, "tasks.*")
    monkeypatch.setattr(registry, "_declarations", [])
    scheduled_job("interval", minutes=5, id="declared")(add)
    [(job_id, problem)] = syncing.sync().refused
    assert job_id == "declared" and "may not be scheduled" in problem


def test_a_task_may_ask_for_permissions(settings: Any, django_user_model: type[User]) -> None:
    settings.SCHEDULER = {"TASK_PERMISSIONS": {"tests.*": "scheduler.run_job", "*.nap": "scheduler.pause_job"}}
    assert allowed.permissions_for(NAP) == ["scheduler.run_job", "scheduler.pause_job"]
    user = django_user_model.objects.create_user("ann")
    user.user_permissions.set(Permission.objects.filter(codename="run_job"))
    assert allowed.may_use(user, ADD) and allowed.may_use(user, "tasks.print_time") and not allowed.may_use(user, NAP)
    allowed.check_permitted(user, ADD)
    with pytest.raises(InvalidInput, match=r"for people with the permission scheduler\.pause_job"):
        allowed.check_permitted(user, NAP)
