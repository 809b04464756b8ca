from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django_apscheduler.models import DjangoJobExecution

from scheduler import clock, jobs, processes, registry, runs
from scheduler.models import ScheduledTask, ServiceProcess, Source, State, TaskRun
from scheduler.processes import ThisProcess


def beat() -> None:
    """Let a scheduler and a worker say that they live."""
    processes.beat(ThisProcess(ServiceProcess.Kind.SCHEDULER, "s1"), passed=True)
    processes.beat(ThisProcess(ServiceProcess.Kind.WORKER, "w1", queues=["default"]))


def test_health_names_each_problem_and_what_mends_it(db, valkey, nightly, capsys):
    with pytest.raises(SystemExit) as caught:
        call_command("schedulerhealth")
    assert caught.value.code == 1
    assert capsys.readouterr().out.splitlines()[:2] == [
        "scheduler: No scheduler runs",
        "    python manage.py runscheduler",
    ]


def test_health_is_one_document(call, valkey):
    beat()
    document = call("schedulerhealth", "--json").document
    assert document.pop("checked_at").endswith("+00:00")
    assert document == {"healthy": True, "problems": []}
    assert call("schedulerhealth") == "Healthy.\n"


def test_an_unhealthy_document_has_code_text_and_command(db, valkey, capsys):
    with pytest.raises(SystemExit):
        call_command("schedulerhealth", "--json")
    document = json.loads(capsys.readouterr().out)
    assert document["healthy"] is False
    assert document["problems"][0] == {
        "code": "scheduler",
        "text": "No scheduler runs",
        "command": "python manage.py runscheduler",
    }


def test_sync_plans_then_does_then_has_nothing_to_do(call):
    declared = sorted(registry.declarations())
    assert declared
    plan = call("syncjobs", "--plan", "--json").document
    assert sorted(plan["added"]) == declared
    assert call("jobs", "list", "--json").document == []
    said = call("syncjobs")
    assert f"{declared[0]}: added" in said.splitlines()
    document = call("syncjobs", "--json").document
    assert sorted(document) == ["added", "changed", "gone", "overridden", "removed", "unchanged"]
    assert sorted(document["unchanged"]) == declared
    assert {job["source"] for job in call("jobs", "list", "--json").document} == {"code"}


def test_sync_removes_what_is_gone_only_when_told(call, nightly):
    ScheduledTask.objects.filter(job_id="nightly").update(source=Source.CODE)
    assert "nightly: no longer declared in code; --prune removes it" in call("syncjobs")
    assert "nightly: would be removed" in call("syncjobs", "--plan", "--prune")
    assert jobs.state_of(jobs.get_job("nightly")) == "scheduled"
    assert call("syncjobs", "--prune", "--json").document["removed"] == ["nightly"]
    assert jobs.state_of(jobs.get_job("nightly")) == "removed"


@pytest.fixture
def old_runs(nightly):
    """Five runs, 10 to 50 days old."""
    now = clock.now()
    runs.insert(
        [
            runs.new_run(nightly, now - timedelta(days=days), now=now, state=State.MISSED, reason="Missed")
            for days in (10, 20, 30, 40, 50)
        ]
    )


@pytest.mark.parametrize(("days", "keep", "left"), [("25", "0", 2), ("25", "4", 4), ("0", "0", 0), ("60", "0", 5)])
def test_prune_deletes_by_age_and_keeps_the_newest(call, old_runs, days, keep, left):
    assert call("prune", "--days", days, "--keep", keep, "--json").document == {"deleted": 5 - left}
    assert TaskRun.objects.count() == DjangoJobExecution.objects.count() == left


def test_prune_uses_the_settings_unless_told(call, old_runs, settings):
    assert call("prune") == "Deleted 0 runs.\n"
    settings.SCHEDULER = {"RETENTION_DAYS": 45, "RETENTION_RUNS": 0}
    assert call("prune") == "Deleted 1 run.\n"


@pytest.mark.parametrize(
    "wrong", [["--days", "-1"], ["--days", "nan"], ["--days", "1e9"], ["--keep", "-1"], ["--keep", "x"]]
)
def test_prune_refuses_odd_numbers(refused, old_runs, wrong):
    assert refused("prune", f"{wrong[0]}={wrong[1]}").startswith(wrong[0].removeprefix("--") + ": ")
    assert TaskRun.objects.count() == 5


def test_an_unknown_setting_is_refused_by_each_command(refused, settings):
    settings.SCHEDULER = {"POLL_INTERVALL": 1}
    for command in (["jobs", "list"], ["runs", "list"], ["schedulerhealth"], ["syncjobs"], ["prune"]):
        assert "Did you mean 'POLL_INTERVAL'?" in refused(*command)
