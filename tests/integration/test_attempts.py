"""Runs on their way: waiting, retried, cancelled, revoked, expired, delivered twice."""

from __future__ import annotations

import subprocess
import sys
import uuid

import pytest
from celery import current_app

from scheduler import add_job, clock, publishing, run_job, runs
from scheduler.exceptions import NotAllowed
from scheduler.models import ScheduledTask, ServiceProcess, State, TaskRun
from tests.cluster import Cluster
from tests.ledger import Ledger
from tests.runs import execution_of, wait_for_end, wait_for_runs
from tests.waiting import stays_true, wait_for

TASKS = "tests.app.tasks."


def run_once(task: str, *args: object) -> TaskRun:
    """Run a task now, under a job that would fire in an hour, and wait for its end."""
    add_job(TASKS + task, "interval", hours=1, id=task, args=list(args), replace_existing=True)
    return wait_for_end(run_job(task))


def test_a_retry_waits_in_the_database_and_is_seen_there(service: Cluster, ledger: Ledger) -> None:
    add_job(TASKS + "retry_twice", "interval", hours=1, id="patient", args=[str(ledger), 1.5])
    run = run_job("patient")
    wait_for(lambda: TaskRun.objects.filter(id=run.id, state=State.RETRYING).exists(), what="a planned retry")
    run.refresh_from_db()
    assert run.attempt == 2
    assert "try 0" in run.exception
    assert [told["attempt"] for told in run.earlier_attempts] == [1]
    assert execution_of(run).status == "Started execution"
    assert wait_for_end(run).state == State.SUCCESS


def test_a_task_sent_by_a_task_is_not_tracked_and_works(service: Cluster, ledger: Ledger) -> None:
    run = run_once("send_another", str(ledger))
    assert run.state == State.SUCCESS
    wait_for(lambda: len(ledger()) == 1, what="the other task")
    assert TaskRun.objects.count() == 1


def test_progress_is_seen_while_the_task_runs(service: Cluster) -> None:
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id="slow", args=[3, 10])
    run = run_job("slow")
    seen = wait_for(lambda: TaskRun.objects.get(id=run.id).progress, what="progress")
    assert seen["total"] == 10
    run = wait_for_end(run)
    assert run.progress == {"current": 10, "total": 10, "text": "done"}


def test_a_cancelled_run_that_waits_does_not_start(service: Cluster, ledger: Ledger) -> None:
    add_job(TASKS + "say_time", "interval", hours=1, id="nobody", args=[str(ledger)], queue="nobody")
    run = runs.cancel(run_job("nobody").id, by="ann")
    assert (run.state, run.reason) == (State.CANCELLED, "Cancelled by ann")
    assert execution_of(run).status == "Error!"
    assert execution_of(run).exception == "Cancelled by ann"
    with pytest.raises(NotAllowed):
        runs.cancel(run.id, by="ann")


def test_a_running_task_that_reports_progress_ends_when_it_is_cancelled(service: Cluster) -> None:
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id="slow", args=[60, 300])
    run = run_job("slow")
    wait_for_runs("slow", state=State.RUNNING)
    runs.cancel(run.id, by="ann")
    run = wait_for_end(run)
    assert run.state == State.CANCELLED
    assert "ann" in run.reason
    assert "TaskCancelled" in run.exception


def test_a_running_task_that_does_not_listen_is_terminated_when_it_is_cancelled(
    service: Cluster, ledger: Ledger
) -> None:
    add_job(TASKS + "nap", "interval", hours=1, id="deaf", args=[60, str(ledger)])
    add_job(TASKS + "nap", "interval", hours=1, id="other", args=[5])
    other, run = run_job("other"), run_job("deaf")
    wait_for_runs("deaf", state=State.RUNNING)
    runs.cancel(run.id, by="ann")
    run = wait_for_end(run)
    assert run.state == State.CANCELLED
    assert "ann" in run.reason
    assert wait_for_end(other).state == State.SUCCESS
    assert run_once("add", 1, 1).state == State.SUCCESS


def test_a_running_task_is_terminated_at_once_where_somebody_wants_that(cluster: Cluster, ledger: Ledger) -> None:
    cluster.worker(CANCEL_GRACE=600)
    cluster.scheduler()
    add_job(TASKS + "nap", "interval", hours=1, id="deaf", args=[60, str(ledger)])
    run = run_job("deaf")
    wait_for_runs("deaf", state=State.RUNNING)
    runs.cancel(run.id, by="ann")
    stays_true(lambda: runs.get(run.id).state == State.RUNNING, seconds=2, what="time to stop by itself")
    run = wait_for_end(runs.terminate(run.id, by="bob"), timeout=5)
    assert (run.state, run.reason) == (State.CANCELLED, "Cancelled by ann, terminated by bob")
    assert [line.split()[0] for line in ledger()] == ["start"]
    assert run_once("add", 1, 1).state == State.SUCCESS


def test_a_run_that_no_worker_takes_expires(service: Cluster, ledger: Ledger) -> None:
    add_job(TASKS + "say_time", "interval", hours=1, id="nobody", args=[str(ledger)], queue="nobody", expires=1)
    run = wait_for_end(run_job("nobody"))
    assert run.state == State.EXPIRED
    assert run.reason
    assert execution_of(run).status == "Error!"
    assert ledger() == []


def test_a_revoked_task_is_cancelled(service: Cluster) -> None:
    add_job(TASKS + "nap", "interval", hours=1, id="revoked", args=[60])
    run = run_job("revoked")
    wait_for_runs("revoked", state=State.RUNNING)
    current_app.control.revoke(str(run.id), terminate=True, signal="KILL")
    assert wait_for_end(run).state == State.CANCELLED


def test_a_task_that_no_worker_knows_fails_by_name(service: Cluster, database: None) -> None:
    add_job(TASKS + "add", "interval", hours=1, id="gone", args=[1])
    run = run_job("gone")
    wait_for_end(run)
    ScheduledTask.objects.filter(job_id="gone").update(task="tests.app.tasks.there_is_none")
    run = runs.new_run(ScheduledTask.objects.get(job_id="gone"), clock.now(), now=clock.now(), run_id=uuid.uuid4())
    run.publish_at = clock.now()
    runs.insert([run])
    run = wait_for_end(run)
    assert run.state == State.FAILURE
    assert "there_is_none" in run.reason


def test_a_message_that_names_another_task_than_its_run_does_not_start(service: Cluster, ledger: Ledger) -> None:
    add_job(TASKS + "say_time", "interval", hours=1, id="real", args=[str(ledger)], queue="nobody")
    run = run_job("real")
    for _ in range(3):
        current_app.send_task(TASKS + "nap", [0, str(ledger)], task_id=str(run.id), headers={"tickwork": 1})
    assert run_once("add", 1, 1).state == State.SUCCESS
    assert ledger() == []
    run.refresh_from_db()
    assert run.state == State.QUEUED


def test_the_same_message_delivered_five_times_runs_once(service: Cluster, ledger: Ledger) -> None:
    add_job(TASKS + "say_time", "interval", hours=1, id="five", args=[str(ledger)])
    run = run_job("five")
    for _ in range(5):
        publishing.Publisher(5).send([run])
    assert wait_for_end(run).state == State.SUCCESS
    for _ in range(2):
        publishing.Publisher(5).send([run])
    assert run_once("add", 1, 1).state == State.SUCCESS
    assert run_once("nap", 0.2).state == State.SUCCESS
    assert len(ledger()) == 1


def test_a_run_whose_process_died_unnoticed_is_given_up_by_its_worker(service: Cluster) -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    add_job(TASKS + "add", "interval", hours=1, id="orphan", args=[1], queue="nobody", on_lost="retry")
    run = run_job("orphan")
    worker = ServiceProcess.objects.get(kind=ServiceProcess.Kind.WORKER, stopped_at=None)
    TaskRun.objects.filter(id=run.id).update(
        state=State.RUNNING,
        process=worker.id,
        pid=process.pid,
        started_at=clock.now(),
        publish_at=None,
        queue="default",
    )
    run = wait_for_end(run)
    assert (run.state, run.attempt) == (State.SUCCESS, 2)
    assert run.earlier_attempts[0]["reason"] == f"Its process {process.pid} died, and nobody told; it runs again"
