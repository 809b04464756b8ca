from __future__ import annotations

import datetime
import inspect
import runpy
import warnings
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from celery import current_app
from celery.exceptions import Retry

import scheduler
from scheduler.exceptions import InvalidInput
from tasks import backups, commands, examples, mail, reports, web
from tasks.examples import BadLuck, fail_sometimes, print_time, sleep_with_progress

FOLDER = Path(examples.__file__).parent
TASKS = {
    "tasks.run_command": commands.run_command,
    "tasks.check_http": web.check_http,
    "tasks.backup_database": backups.backup_database,
    "tasks.report_runs": reports.report_runs,
    "tasks.send_mail": mail.send_mail,
    "tasks.sleep_with_progress": sleep_with_progress,
    "tasks.fail_sometimes": fail_sometimes,
    "tasks.print_time": print_time,
}


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[tuple, dict[str, Any], Any]]:
    """What the package declares: id -> (trigger arguments, options, task)."""
    found: dict[str, tuple[tuple, dict[str, Any], Any]] = {}

    def record(*trigger: object, id: str, **options: Any) -> Any:
        def declare(task: Any) -> Any:
            assert id not in found
            found[id] = (trigger, options, task)
            return task

        return declare

    monkeypatch.setattr(scheduler, "scheduled_job", record, raising=False)
    with warnings.catch_warnings(action="ignore"):  # Celery sees the names for the second time, and keeps the first
        for module in ("examples", "upkeep"):
            runpy.run_path(str(FOLDER / f"{module}.py"), run_name=f"tasks.{module}")
    return found


@pytest.mark.parametrize("name", TASKS)
def test_each_task_has_its_name_a_docstring_and_types_a_form_can_be_made_of(name: str) -> None:
    task = TASKS[name]
    assert task.name == name
    assert name in current_app.tasks
    assert inspect.getdoc(task.run)
    hints = get_type_hints(task.run)
    for parameter in inspect.signature(task.run).parameters.values():
        plain = (int, str, bool, float, datetime.date, list[str], dict[str, Any])
        assert hints[parameter.name] in plain, f"{name} {parameter.name}"


def test_the_examples_show_life_and_the_upkeep_is_done(declared: Any) -> None:
    assert set(declared) == {
        "print-time",
        "sleep-with-progress",
        "fail-sometimes",
        "clear-sessions",
        "report-runs",
        "backup-database",
    }
    for identifier, (_trigger, options, task) in declared.items():
        assert task.name in TASKS
        inspect.signature(task.run).bind(**options.get("kwargs", {}))
        assert options["description"], identifier
        assert options["tags"] in (["example"], ["upkeep"])


def test_the_commands_that_the_upkeep_runs_are_allowed_by_default(declared: Any) -> None:
    from scheduler import conf

    names = [options["kwargs"]["name"] for _, options, task in declared.values() if task.name == "tasks.run_command"]
    assert names == ["clearsessions"]
    assert set(names) <= set(conf.SETTINGS["COMMANDS"].default)


def test_the_upkeep_fires_at_night(declared: Any) -> None:
    triggers = pytest.importorskip("scheduler.triggers")
    monday = datetime.datetime(2026, 11, 23, 12, 0, tzinfo=datetime.UTC)
    fires = {}
    for identifier in ("clear-sessions", "report-runs", "backup-database"):
        (alias,), options, _task = declared[identifier]
        fields = {key: options[key] for key in ("day_of_week", "hour", "minute") if key in options}
        trigger = triggers.trigger_from_arguments(alias, fields, timezone="UTC")
        fires[identifier] = f"{triggers.next_fire_time(trigger, monday):%a %H:%M}"
    assert fires == {
        "clear-sessions": "Tue 03:00",
        "report-runs": "Tue 06:00",
        "backup-database": "Sun 04:00",
    }


def test_the_time_is_printed_in_the_project_s_zone(capsys: pytest.CaptureFixture[str], settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Shanghai"
    told = print_time.run()
    assert capsys.readouterr().out == f"It is {told}\n"
    assert told.endswith("+08:00")


def test_sleeping_tells_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple] = []
    monkeypatch.setattr(examples, "progress", lambda *told: seen.append(told))
    assert sleep_with_progress.run(seconds=0.03, steps=3) == "slept 0.03 s in 3 steps"
    assert seen == [(0, 3, "falling asleep"), *((step, 3, f"step {step} of 3") for step in (1, 2, 3))]


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"seconds": -1}, "seconds"),
        ({"seconds": float("nan")}, "seconds"),
        ({"seconds": 1e9}, "seconds"),
        ({"steps": 0}, "steps"),
        ({"steps": 10**9}, "steps"),
    ],
)
def test_sleeping_out_of_range_is_refused(arguments: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        sleep_with_progress.run(**arguments)
    assert caught.value.field == field


def test_failing_never_and_always_are_certain() -> None:
    assert {fail_sometimes.run(chance=0) for _ in range(50)} == {"good luck in attempt 1"}
    for _ in range(50):
        with pytest.raises(BadLuck):  # called outside a worker, Celery's retry raises the reason itself
            fail_sometimes.run(chance=1)


def test_a_failed_attempt_is_retried_after_five_seconds_three_times_at_most() -> None:
    countdowns = []

    class Recorded(Retry):
        pass

    def attempt(retries: int) -> BaseException:
        fail_sometimes.push_request(
            retries=retries, called_directly=False, is_eager=True, args=(), kwargs={"chance": 1}
        )
        try:
            fail_sometimes.run(chance=1)
        except (Retry, BadLuck) as error:
            return error
        finally:
            fail_sometimes.pop_request()
        raise AssertionError("it did not fail")

    for retries in range(3):
        error = attempt(retries)
        assert isinstance(error, Retry)
        countdowns.append(error.when)
    assert countdowns == [5, 5, 5]
    assert isinstance(attempt(3), BadLuck)


def test_a_chance_out_of_range_is_refused() -> None:
    with pytest.raises(InvalidInput, match=r"^chance: "):
        fail_sometimes.run(chance=1.5)
