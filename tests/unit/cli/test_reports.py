from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.management import call_command
from django.utils.translation import override
from django_apscheduler.models import DjangoJobExecution

from scheduler import clock, known_tasks, processes, registry, runs
from scheduler.lookup import get_job, state_of
from scheduler.models import ScheduledTask, ServiceProcess, Source, State, TaskRun
from scheduler.processes import ThisProcess
from tests.app.tasks import add


def beat() -> None:
    """Let a scheduler and a worker say that they live."""
    processes.beat(ThisProcess(ServiceProcess.Kind.SCHEDULER, "s1"), passed=True)
    processes.beat(ThisProcess(ServiceProcess.Kind.WORKER, "w1", queues=["default"]))


@contextmanager
def celery_broker(url: str) -> Iterator[None]:
    before = current_app.conf.broker_url
    current_app.conf.update(broker_url=url)
    try:
        yield
    finally:
        current_app.conf.update(broker_url=before)


def test_health_names_each_problem_and_what_mends_it_in_english(
    db: Any, valkey: Any, nightly: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with override("zh-hans"), pytest.raises(SystemExit) as caught:
        call_command("schedulerhealth")
    assert caught.value.code == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "scheduler: No scheduler runs",
        "    python manage.py runscheduler",
    ]


def test_health_is_one_document(call: Any, valkey: Any) -> None:
    beat()
    document = call("schedulerhealth", "--json").document
    assert document.pop("checked_at").endswith("+00:00")
    assert document == {"healthy": True, "problems": []}
    assert call("schedulerhealth") == "Healthy.\n"


def test_an_unhealthy_document_has_code_text_and_command(
    db: Any, valkey: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        call_command("schedulerhealth", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert document["problems"][0] == {
        "code": "scheduler",
        "text": "No scheduler runs",
        "command": "python manage.py runscheduler",
        "serious": True,
    }


def test_a_broken_job_is_told_and_leaves_the_service_healthy(call: Any, valkey: Any, nightly: Any) -> None:
    beat()
    ScheduledTask.objects.filter(job_id="nightly").update(broken_reason="Its trigger fails")
    document = call("schedulerhealth", "--json").document
    assert document["healthy"] is True
    assert [(problem["code"], problem["serious"]) for problem in document["problems"]] == [("broken", False)]
    assert call("schedulerhealth").splitlines() == [
        "Healthy.",
        "broken: 1 job is set aside: nightly",
        "    python manage.py jobs list --state broken",
    ]


def test_health_says_why_and_where_the_broker_is_out_of_reach(db: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with celery_broker("redis://:secret@127.0.0.1:1/0"), pytest.raises(SystemExit):
        call_command("schedulerhealth")
    line = capsys.readouterr().out.splitlines()[0]
    where = "redis://:**@127.0.0.1:1/0 (broker_url, CELERY_BROKER_URL)"
    assert line.startswith(f"broker: The broker is out of reach: {where}: ")
    assert "refused" in line


def test_the_command_for_a_worker_names_the_package_of_the_celery_app(
    db: Any, valkey: Any, nightly: Any, settings: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.SETTINGS_MODULE = "project.settings"
    with pytest.raises(SystemExit):
        call_command("schedulerhealth")
    assert "celery -A project worker -Q default" in capsys.readouterr().out


def test_sync_plans_then_does_then_has_nothing_to_do(call: Any) -> None:
    declared = sorted(registry.declarations()[0])
    assert declared
    plan = call("syncjobs", "--plan", "--json").document
    assert sorted(plan["added"]) == declared
    assert call("jobs", "list", "--json").document == []
    said = call("syncjobs")
    assert f"{declared[0]}: added, every " in said
    document = call("syncjobs", "--json").document
    assert {*document} >= {"added", "changed", "gone", "overridden", "removed", "unchanged", "refused", "unloaded"}
    assert sorted(document["unchanged"]) == declared
    assert {job["source"] for job in call("jobs", "list", "--json").document} == {"code"}


def test_sync_removes_what_is_gone_only_when_told(call: Any, nightly: Any) -> None:
    ScheduledTask.objects.filter(job_id="nightly").update(source=Source.CODE)
    assert "nightly: no longer declared in code; --prune removes it" in call("syncjobs")
    assert "nightly: would be removed" in call("syncjobs", "--plan", "--prune")
    assert state_of(get_job("nightly")) == "scheduled"
    assert call("syncjobs", "--prune", "--json").document["removed"] == ["nightly"]
    assert state_of(get_job("nightly")) == "removed"


def test_sync_tells_what_it_could_not_read_or_store_and_exits_with_2(
    db: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known_tasks, "unloaded", {"tasks.broken": "SyntaxError: half written"})
    monkeypatch.setattr(registry, "_declarations", [])
    registry.scheduled_job("interval", seconds=3, id="bad", args=[1, 2, 3])(add)
    registry.scheduled_job("interval", seconds=3, id="good", args=[1])(add)
    with pytest.raises(SystemExit) as caught:
        call_command("syncjobs", "--json")
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert document["added"] == ["good"]
    assert document["unloaded"] == [{"module": "tasks.broken", "error": "SyntaxError: half written"}]
    assert [entry["id"] for entry in document["refused"]] == ["bad"]
    unloaded, refused = err.splitlines()
    assert unloaded == "tasks.broken: could not be loaded: SyntaxError: half written"
    assert refused.startswith("bad: refused: args: [1, 2, 3] doesn't fit")


@pytest.fixture
def old_runs(nightly: Any) -> None:
    """Five runs, 10 to 50 days old."""
    due = [clock.now() - timedelta(days=days) for days in (10, 20, 30, 40, 50)]
    runs.insert([runs.new_run(nightly, at, now=at, state=State.MISSED, reason="Missed") for at in due])


@pytest.mark.parametrize(("days", "keep", "left"), [("25", "0", 2), ("25", "4", 4), ("0", "0", 0), ("60", "0", 5)])
def test_prune_deletes_by_age_and_keeps_the_newest(call: Any, old_runs: Any, days: int, keep: int, left: int) -> None:
    assert call("prune", "--days", days, "--keep", keep, "--json").document == {"deleted": 5 - left}
    assert TaskRun.objects.count() == DjangoJobExecution.objects.count() == left


def test_prune_uses_the_settings_unless_told(call: Any, old_runs: Any, settings: Any) -> None:
    assert call("prune") == "Deleted 0 runs.\n"
    settings.SCHEDULER = {"RETENTION_DAYS": 45, "RETENTION_RUNS": 0}
    assert call("prune") == "Deleted 1 run.\n"


@pytest.mark.parametrize(
    "wrong", [["--days", "-1"], ["--days", "nan"], ["--days", "1e9"], ["--keep", "-1"], ["--keep", "x"]]
)
def test_prune_refuses_odd_numbers(refused: Any, old_runs: Any, wrong: Any) -> None:
    assert refused("prune", f"{wrong[0]}={wrong[1]}").startswith(wrong[0].removeprefix("--") + ": ")
    assert TaskRun.objects.count() == 5


def test_an_unknown_setting_is_refused_by_each_command(refused: Any, settings: Any) -> None:
    settings.SCHEDULER = {"POLL_INTERVALL": 1}
    for command in (["jobs", "list"], ["runs", "list"], ["schedulerhealth"], ["syncjobs"], ["prune"]):
        assert "Did you mean 'POLL_INTERVAL'?" in refused(*command)
