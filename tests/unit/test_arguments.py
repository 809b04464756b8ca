"""Which tasks may be scheduled, and with which arguments."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from celery import current_app, shared_task, signals
from django.db.models.functions import Now

from scheduler import known_tasks
from scheduler.arguments import check_arguments
from scheduler.exceptions import InvalidInput, UnknownTask
from scheduler.known_tasks import KnownTasks, is_known, registered_tasks, task_name
from scheduler.models import ServiceProcess
from tests.app.tasks import add, read_request

ADD = "tests.app.tasks.add"
pytestmark = pytest.mark.django_db


@pytest.fixture
def other_worker() -> ServiceProcess:
    """A live worker of another code base."""
    return ServiceProcess.objects.create(
        kind="worker", name="w", host="h", pid=1, started_at=Now(), heartbeat_at=Now(), tasks=["other.task"]
    )


def test_tasks_of_installed_apps_and_of_the_tasks_package_are_known() -> None:
    assert {ADD, "tasks.print_time", "tasks.run_command"} <= set(registered_tasks())
    assert not any(name.startswith("celery.") for name in registered_tasks())


@pytest.mark.parametrize("task", [add, ADD, "tests.app.tasks:add"])
def test_a_task_may_be_given_as_itself_by_name_or_by_path(task: Any) -> None:
    assert task_name(task) == ADD


def test_a_task_that_only_a_live_worker_knows_is_known(other_worker: ServiceProcess) -> None:
    assert task_name("other.task") == "other.task"
    assert "other.task" in KnownTasks()
    ServiceProcess.objects.update(stopped_at=Now())
    assert not is_known("other.task")
    assert "other.task" not in KnownTasks()


def test_known_tasks_are_asked_for_once_in_a_while(
    other_worker: ServiceProcess, django_assert_num_queries: Any
) -> None:
    known = KnownTasks()
    with django_assert_num_queries(1):
        assert "other.task" in known
        assert "another.task" not in known
        assert "other.task" in known
        assert ADD in known


def test_an_unknown_task_names_the_nearest_known_one() -> None:
    with pytest.raises(UnknownTask, match=r"Did you mean 'tests\.app\.tasks\.add'"):
        task_name("tests.app.tasks.ad")
    with pytest.raises(UnknownTask):
        task_name("")


@pytest.mark.parametrize(
    ("name", "mend"),
    [
        ("tests.app.tasks.utterly_unlike_them", r"tests\.app\.tasks has tests\.app\.tasks\.\w+, .*, …\."),
        ("nowhere.at_all", r"Is its module imported\?"),
        ("broken.module.job", r"Its module could not be loaded: RuntimeError: half written\."),
    ],
)
def test_an_unknown_task_without_a_near_name_says_where_to_look(
    name: str, mend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tasks, "unloaded", {})
    known_tasks.note_unloaded("broken.module", RuntimeError("half\nwritten"))
    with pytest.raises(UnknownTask, match=mend):
        task_name(name)


def test_a_task_module_of_an_app_that_can_not_be_loaded_leaves_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half_written.py").write_text("raise RuntimeError('half written')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(known_tasks, "unloaded", {})
    monkeypatch.setattr(known_tasks, "_loaded", set())

    def discover(**_: Any) -> None:
        importlib.import_module("half_written")

    signals.import_modules.connect(discover)
    try:
        assert ADD in registered_tasks()
    finally:
        signals.import_modules.disconnect(discover)
    assert known_tasks.unloaded == {"half_written": "RuntimeError: half written"}


def test_a_plain_function_is_refused_with_what_to_do() -> None:
    def job() -> None:
        pass

    with pytest.raises(InvalidInput, match=r"plain function.*@shared_task"):
        task_name(job)
    with pytest.raises(InvalidInput, match="plain function"):
        task_name(lambda: None)


@pytest.mark.parametrize("task", [None, 3, [], object()])
def test_what_is_no_task_at_all_is_refused(task: Any) -> None:
    with pytest.raises(InvalidInput, match="is not a Celery task"):
        task_name(task)


@pytest.mark.parametrize(
    ("args", "kwargs"), [([1], {}), ([1, 2], {}), ([1], {"b": 2}), ((), {"a": 1, "b": 2}), (range(2), {})]
)
def test_arguments_that_fit_come_back_as_json_gives_them(args: Any, kwargs: Any) -> None:
    assert check_arguments(ADD, args, kwargs) == (list(args), kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs", "field"),
    [
        ([], {}, "args"),
        ([1, 2, 3], {}, "args"),
        ([1], {"a": 1}, "kwargs"),
        ([1], {"c": 1}, "kwargs"),
    ],
)
def test_arguments_that_do_not_fit_the_signature_are_refused(args: Any, kwargs: Any, field: str) -> None:
    with pytest.raises(InvalidInput, match=r"doesn't fit tests\.app\.tasks\.add") as caught:
        check_arguments(ADD, args, kwargs)
    assert caught.value.field == field
    assert caught.value.mend == "It takes (a: int, b: int = 0) -> int."
    assert ("no arguments were given" in str(caught.value)) == (not args and not kwargs)


def test_a_bound_tasks_self_is_not_an_argument() -> None:
    assert check_arguments("tests.app.tasks.retry_twice", [], {}) == ([], {})
    with pytest.raises(InvalidInput):
        check_arguments("tests.app.tasks.retry_twice", ["a", 1, 2], {})


def test_a_task_with_variable_arguments_takes_any() -> None:
    assert check_arguments(read_request.name, [1, "two", None], {}) == ([1, "two", None], {})


def test_arguments_of_a_task_that_is_not_known_here_are_not_checked() -> None:
    assert check_arguments("other.task", [1], {"any": "thing"}) == ([1], {"any": "thing"})


@pytest.mark.parametrize(
    ("args", "kwargs", "field"),
    [
        ("abc", {}, "args"),
        (b"abc", {}, "args"),
        ({"a": 1}, {}, "args"),
        (3, {}, "args"),
        ([1], [], "kwargs"),
        ([1], "b=2", "kwargs"),
        ([{1, 2}], {}, "args"),
        ([float("nan")], {}, "args"),
        ([float("inf")], {}, "args"),
        ([object()], {}, "args"),
        ([b"bytes"], {}, "args"),
        (["\x00"], {}, "args"),
        (["\ud800"], {}, "args"),
        ([1], {"b": {"deep": ["\x00"]}}, "kwargs"),
        ([1], {3: 4}, "kwargs"),
        (["x" * 70_000], {}, "args"),
        (["é" * 40_000], {}, "args"),
    ],
    ids=lambda value: None,
)
def test_what_json_or_a_database_can_not_hold_is_refused(args: Any, kwargs: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_arguments(ADD, args, kwargs)
    assert caught.value.field == field
    assert len(str(caught.value)) < 500


def test_endless_arguments_are_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(InvalidInput):
        check_arguments(ADD, endless, {})
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidInput):
        check_arguments(ADD, deep, {})


def test_dates_are_stored_as_text_if_at_all() -> None:
    try:
        args, _ = check_arguments(ADD, [datetime(2026, 1, 1, tzinfo=UTC)], {})
    except InvalidInput as error:
        assert error.field == "args"
    else:
        assert isinstance(args[0], str)


def test_a_task_registered_later_is_known() -> None:
    @shared_task(name="tests.registered_later")
    def later() -> None:
        """Nothing."""

    try:
        assert task_name("tests.registered_later") == "tests.registered_later"
    finally:
        current_app.tasks.unregister("tests.registered_later")
