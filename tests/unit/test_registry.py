"""Jobs declared in code, and how they are kept in step with the stored ones."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django_apscheduler.models import DjangoJob

from scheduler import add_job, known_tasks, modify_job, pause_job, registry, remove_job, scheduled_job
from scheduler.exceptions import InvalidInput
from scheduler.known_tasks import registered_tasks
from scheduler.lookup import get_job, state_of
from scheduler.models import ScheduledTask, Source
from scheduler.schedules import restore_trigger
from scheduler.syncing import sync
from scheduler.triggers import describe, trigger_to_data
from tests.app.tasks import add, nap, say_time

Declare = Callable[..., None]
pytestmark = pytest.mark.django_db


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch) -> Iterator[Declare]:
    """Declare jobs as code would, in place of those that the project declares: each call is a new version of it."""
    registered_tasks()  # loads the project's declarations
    monkeypatch.setattr(registry, "_declarations", [])

    def version(*jobs: tuple[Any, ...]) -> None:
        registry._declarations.clear()
        for task, trigger, options in jobs:
            scheduled_job(trigger, **options)(task)

    yield version


LISTS = ("added", "changed", "unchanged", "gone", "removed")


def report(**lists: str) -> dict[str, Any]:
    return {name: lists.get(name, "").split() for name in LISTS}


def result(**options: Any) -> dict[str, Any]:
    found = sync(**options)
    return {name: getattr(found, name) for name in LISTS}


def test_a_declared_job_is_stored_with_what_was_said(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1], "queue": "long", "tags": ["b", "a"]}))
    assert result() == report(added="sum")
    job = get_job("sum")
    assert (job.task, job.args, job.queue, job.tags) == ("tests.app.tasks.add", [1], "long", ["a", "b"])
    assert job.source == Source.CODE
    assert describe(restore_trigger(job))
    assert state_of(job) == "scheduled"


def test_the_decorator_returns_the_task_and_may_be_stacked(declare: Declare) -> None:
    declare()
    assert scheduled_job("interval", seconds=5, id="one", args=[1])(add) is add
    scheduled_job(crontab="@daily", id="two", args=[2])(add)
    assert result() == report(added="one two")


def test_the_id_defaults_to_the_tasks_name(declare: Declare) -> None:
    declare((say_time, "cron", {"hour": 6}))
    assert result() == report(added="tests.app.tasks.say_time")


def test_a_second_sync_changes_nothing_and_keeps_the_next_run_time(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 300, "id": "sum", "args": [1]}))
    sync()
    before = DjangoJob.objects.values().get(), ScheduledTask.objects.values().get()
    declare((add, "interval", {"seconds": 300, "id": "sum", "args": [1]}))
    assert result() == report(unchanged="sum")
    assert (DjangoJob.objects.values().get(), ScheduledTask.objects.values().get()) == before


def test_a_changed_option_does_not_move_the_next_run_time(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 300, "id": "sum", "args": [1]}))
    sync()
    due = get_job("sum").job.next_run_time
    declare((add, "interval", {"seconds": 300, "id": "sum", "args": [2], "queue": "long"}))
    assert result() == report(changed="sum")
    job = get_job("sum")
    assert (job.args, job.queue, job.job.next_run_time) == ([2], "long", due)
    assert result() == report(unchanged="sum")


def test_a_changed_schedule_gives_a_new_next_run_time(declare: Declare) -> None:
    declare((add, "interval", {"hours": 300, "id": "sum", "args": [1]}))
    sync()
    due = get_job("sum").job.next_run_time
    declare((add, "interval", {"seconds": 7, "id": "sum", "args": [1]}))
    assert result() == report(changed="sum")
    assert trigger_to_data(restore_trigger(get_job("sum")))["seconds"] == 7
    assert get_job("sum").job.next_run_time < due


def test_another_task_under_the_same_id_is_a_change(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "job", "args": [1]}))
    sync()
    declare((nap, "interval", {"seconds": 30, "id": "job", "args": [1]}))
    assert result() == report(changed="job")
    assert get_job("job").task == "tests.app.tasks.nap"


def test_what_a_person_changed_is_kept_field_by_field(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1], "queue": "long"}))
    sync()
    modify_job("sum", queue="short")
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [5], "queue": "other"}))
    found = sync()
    assert found.overridden == [("sum", "queue")]
    assert (get_job("sum").queue, get_job("sum").args) == ("short", [5])


def test_a_schedule_that_a_person_changed_is_kept(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    modify_job("sum", trigger="cron", hour=3)
    declare((add, "interval", {"seconds": 60, "id": "sum", "args": [1], "queue": "long"}))
    found = sync()
    assert found.overridden == [("sum", "schedule")]
    assert trigger_to_data(restore_trigger(get_job("sum")))["type"] == "cron"
    assert get_job("sum").queue == "long"


def test_a_persons_change_that_the_code_adopts_is_no_override(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    modify_job("sum", queue="long")
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1], "queue": "long"}))
    assert sync().overridden == []
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1], "queue": "longer"}))
    assert sync().overridden == []
    assert get_job("sum").queue == "longer"


def test_a_paused_job_stays_paused(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    pause_job("sum")
    declare((add, "interval", {"seconds": 60, "id": "sum", "args": [1]}))
    sync()
    assert state_of(get_job("sum")) == "paused"
    assert get_job("sum").job.next_run_time is None


def test_a_declaration_that_has_gone_is_reported_and_removed_only_by_prune(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    declare()
    assert result() == report(gone="sum")
    assert state_of(get_job("sum")) == "scheduled"
    assert result(plan_only=True, prune=True) == report(gone="sum")
    assert result(prune=True) == report(gone="sum", removed="sum")
    assert state_of(get_job("sum")) == "removed"
    assert result() == report()


def test_a_pruned_job_comes_back_with_its_declaration(declare: Declare) -> None:
    one = (add, "interval", {"seconds": 30, "id": "sum", "args": [1]})
    declare(one)
    sync()
    declare()
    sync(prune=True)
    declare(one)
    assert result() == report(added="sum")
    assert state_of(get_job("sum")) == "scheduled"


def test_a_job_that_a_person_removed_stays_removed(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    remove_job("sum")
    assert sync().added == []
    assert state_of(get_job("sum")) == "removed"


def test_a_plan_changes_nothing(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    assert result(plan_only=True) == report(added="sum")
    assert not ScheduledTask.objects.exists()


def test_a_job_of_a_persons_is_left_alone_and_not_reported_as_gone(declare: Declare) -> None:
    add_job(add, "interval", seconds=30, id="mine", args=[1])
    declare()
    assert result(prune=True) == report()
    assert state_of(get_job("mine")) == "scheduled"


def test_a_declaration_may_adopt_a_job_of_the_same_id(declare: Declare) -> None:
    add_job(add, "interval", seconds=30, id="sum", args=[7])
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    assert get_job("sum").source == Source.CODE
    assert get_job("sum").args == [7], "what a person wrote is kept"


def test_one_id_for_two_tasks_is_refused_and_costs_only_that_id(declare: Declare) -> None:
    good = (say_time, "interval", {"seconds": 30, "id": "good"})
    first = (add, "interval", {"seconds": 30, "id": "same", "args": [1]})
    declare(first)
    sync()
    declare(good, first, (nap, "interval", {"seconds": 30, "id": "same", "args": [1]}))
    found = sync()
    assert (found.added, found.gone) == (["good"], [])
    [(job_id, message)] = found.refused
    assert job_id == "same"
    assert "is declared for tests.app.tasks.add and for tests.app.tasks.nap" in message
    assert get_job("same").task == "tests.app.tasks.add"


def test_arguments_that_do_not_fit_are_refused_and_cost_only_their_job(declare: Declare) -> None:
    declare(
        (add, "interval", {"seconds": 30, "id": "bad", "args": [1, 2, 3]}),
        (say_time, "interval", {"seconds": 30, "id": "good"}),
    )
    for plan_only in (True, False):
        found = sync(plan_only=plan_only)
        assert found.added == ["good"]
        assert [job_id for job_id, _ in found.refused] == ["bad"]
        assert "doesn't fit" in found.refused[0][1]
    assert list(ScheduledTask.objects.values_list("job_id", flat=True)) == ["good"]


def test_a_change_that_is_refused_leaves_the_stored_job_and_is_not_gone(declare: Declare) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1, 2, 3]}))
    found = sync(prune=True)
    assert ([job_id for job_id, _ in found.refused], found.changed, found.gone) == (["sum"], [], [])
    assert get_job("sum").args == [1]


def test_while_a_module_is_unloaded_nothing_is_gone_and_pruning_is_refused(
    declare: Declare, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare((add, "interval", {"seconds": 30, "id": "sum", "args": [1]}))
    sync()
    declare()
    monkeypatch.setattr(known_tasks, "unloaded", {"tasks.broken": "SyntaxError: half written"})
    found = sync()
    assert (found.gone, found.unloaded) == ([], [("tasks.broken", "SyntaxError: half written")])
    with pytest.raises(InvalidInput, match=r"prune: 'tasks\.broken' could not be loaded"):
        sync(prune=True)
    assert state_of(get_job("sum")) == "scheduled"


def test_a_schedule_that_warns_is_logged_once_when_it_is_new_or_changes(
    declare: Declare, caplog: pytest.LogCaptureFixture
) -> None:
    def version(hour: int) -> list[str]:
        declare((say_time, "cron", {"hour": hour, "minute": 30, "timezone": "Europe/Berlin", "id": "report"}))
        caplog.clear()
        report = sync()
        lines = [record.message for record in caplog.records if record.name == "scheduler.schedules"]
        assert lines == [f"Job {job_id}: {text}" for job_id, text in report.warnings]
        return lines

    assert version(2)
    assert version(2) == []
    assert version(5) == []
    assert version(2)


@pytest.mark.parametrize(
    "options",
    [{"seconds": 0}, {"secs": 3}, {"seconds": 3, "queue": "a b"}, {"seconds": 3, "id": "?"}, {"seconds": 3, "queu": 1}],
)
def test_a_wrong_declaration_is_refused_at_import(declare: Declare, options: dict[str, Any]) -> None:
    declare()
    with pytest.raises(InvalidInput):
        scheduled_job("interval", **options)(add)


def test_a_decorated_plain_function_is_refused_at_import(declare: Declare) -> None:
    declare()
    with pytest.raises(InvalidInput, match="@scheduled_job above @shared_task"):

        @scheduled_job("interval", seconds=3)
        def job() -> None:
            pass


def test_a_stored_state_that_can_not_be_read_is_written_anew_from_the_code(declare: Declare) -> None:
    declare(*[(add, "interval", {"seconds": 30, "id": name, "args": [1]}) for name in ("first", "second")])
    sync()
    DjangoJob.objects.filter(id="first").update(job_state=b"garbage")
    assert result(plan_only=True) == report(changed="first", unchanged="second")
    assert result() == report(changed="first", unchanged="second")
    assert trigger_to_data(restore_trigger(get_job("first")))["seconds"] == 30
    assert result() == report(unchanged="first second")


@pytest.mark.django_db(transaction=True)
def test_two_syncs_at_once_store_each_job_once(declare: Declare) -> None:
    declare(*[(add, "interval", {"seconds": 30, "id": f"job-{n}", "args": [1]}) for n in range(20)])
    together = threading.Barrier(4)
    failures: list[BaseException] = []

    def one() -> None:
        together.wait()
        try:
            sync()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert ScheduledTask.objects.count() == DjangoJob.objects.count() == 20
    assert sorted(sync().unchanged) == sorted(f"job-{n}" for n in range(20))


def test_the_projects_own_declarations_can_be_stored() -> None:
    assert "print-time" in sync().added
    assert sync().added == []
