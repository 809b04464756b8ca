"""What a worker may do with a run, and what the execution table says of it then."""

from __future__ import annotations

import uuid

import pytest
from celery import current_app

from scheduler import add_job, clock, publishing, run_job, runs
from scheduler.exceptions import NotAllowed
from scheduler.models import ScheduledTask, State, TaskRun
from tests.cluster import Cluster
from tests.ledger import Ledger
from tests.runs import execution_of, wait_for_end, wait_for_runs
from tests.waiting import wait_for

TASKS = "tests.app.tasks."


def run_once(task: str, *args: object, timeout: float = 15, **options: object) -> TaskRun:
    """Run a task now, under a job that would fire in an hour, and wait for its end."""
    add_job(TASKS + task, "interval", hours=1, id=task, args=list(args), replace_existing=True, **options)
    return wait_for_end(run_job(task, by="the test"), timeout=timeout)


def test_a_task_that_returns_succeeds_with_its_result(service: Cluster) -> None:
    run = run_once("add", 2, 3)
    assert run.state == State.SUCCESS
    assert run.result == 5
    assert run.worker.startswith("default-")
    assert run.requested_by == "the test"
    assert run.attempt == 1
    assert run.created_at <= run.queued_at <= run.started_at <= run.finished_at
    row = execution_of(run)
    assert row.status == "Executed"
    assert float(row.duration) == pytest.approx(run.duration, abs=0.01)
    assert float(row.finished) == pytest.approx(run.finished_at.timestamp(), abs=0.01)
    assert row.exception is None


def test_a_task_that_raises_fails_with_exception_and_traceback(service: Cluster) -> None:
    run = run_once("fail", "no such file")
    assert run.state == State.FAILURE
    assert run.exception == "ValueError: no such file"
    assert "raise ValueError(text)" in run.traceback
    row = execution_of(run)
    assert row.status == "Error!"
    assert row.exception == "ValueError: no such file"
    assert "raise ValueError(text)" in row.traceback


def test_a_tasks_own_retries_are_attempts_of_one_run(service: Cluster, ledger: Ledger) -> None:
    run = run_once("retry_twice", str(ledger))
    assert run.state == State.SUCCESS
    assert (run.attempt, run.retries, run.result) == (3, 2, 2)
    assert ledger() == ["0", "1", "2"]
    assert execution_of(run).status == "Executed"


def test_a_retry_waits_in_the_database_and_is_seen_there(service: Cluster, ledger: Ledger) -> None:
    add_job(TASKS + "retry_twice", "interval", hours=1, id="patient", args=[str(ledger), 1.5])
    run = run_job("patient")
    wait_for(lambda: TaskRun.objects.filter(id=run.id, state=State.RETRYING).exists(), what="a planned retry")
    run.refresh_from_db()
    assert run.attempt == 2
    assert "try 0" in run.exception
    assert execution_of(run).status == "Started execution"
    assert wait_for_end(run).state == State.SUCCESS


def test_a_task_whose_retries_are_used_up_fails_with_its_last_error(service: Cluster) -> None:
    run = run_once("retry_in_vain")
    assert run.state == State.FAILURE
    assert run.exception == "ConnectionError: still no answer"
    assert run.attempt == 2


def test_autoretry_for_works_unchanged(service: Cluster, ledger: Ledger) -> None:
    run = run_once("retry_by_itself", str(ledger))
    assert (run.state, run.result, run.attempt) == (State.SUCCESS, "third time lucky", 3)


def test_a_retry_may_change_its_arguments(service: Cluster) -> None:
    run = run_once("retry_with_other_arguments", 1, kwargs={"word": "first"})
    assert (run.state, run.result) == (State.SUCCESS, [2, "changed"])


def test_a_soft_time_limit_is_a_timeout(service: Cluster) -> None:
    run = run_once("nap", 30, soft_time_limit=1, time_limit=20)
    assert run.state == State.TIMEOUT
    assert "soft time limit" in run.reason
    assert "SoftTimeLimitExceeded" in run.exception
    assert 0.8 < run.duration < 6
    assert execution_of(run).status == "Error!"


def test_a_hard_time_limit_is_a_timeout(service: Cluster) -> None:
    run = run_once("sleep_through_soft_limit", 30, soft_time_limit=1, time_limit=2)
    assert run.state == State.TIMEOUT
    assert "hard time limit" in run.reason
    assert 1.5 < run.duration < 8
    assert "hard time limit" in execution_of(run).exception


def test_a_child_that_kills_itself_is_lost_and_its_run_does_not_start_again(service: Cluster, ledger: Ledger) -> None:
    run = run_once("kill_process", 9, str(ledger))
    assert run.state == State.LOST
    assert "died" in run.reason
    assert len(ledger()) == 1
    assert execution_of(run).status == "Error!"
    assert run_once("add", 1, 1).state == State.SUCCESS


def test_a_lost_run_starts_again_where_its_job_says_so(service: Cluster, ledger: Ledger) -> None:
    run = run_once("kill_process_once", str(ledger), on_lost="retry")
    assert (run.state, run.result, run.attempt) == (State.SUCCESS, "second time", 2)
    assert len(ledger()) == 2


def test_a_run_that_always_kills_its_process_is_given_up(service: Cluster, ledger: Ledger) -> None:
    run = run_once("kill_process", 9, str(ledger), on_lost="retry", timeout=30)
    assert run.state == State.LOST
    assert "last of 3 attempts" in run.reason
    assert len(ledger()) == 3


def test_a_memory_error_is_a_failure_and_the_worker_goes_on(service: Cluster) -> None:
    run = run_once("run_out_of_memory")
    assert run.state == State.FAILURE
    assert "MemoryError: no more" in run.exception
    assert run_once("add", 1, 1).state == State.SUCCESS
    assert all(program.is_running for program in service.programs)


def test_sys_exit_is_a_failure_and_the_worker_goes_on(service: Cluster) -> None:
    run = run_once("leave")
    assert run.state == State.FAILURE
    assert "SystemExit: 3" in run.exception
    assert run_once("add", 1, 1).state == State.SUCCESS


def test_ignore_is_a_success_with_a_reason(service: Cluster) -> None:
    run = run_once("ignore")
    assert run.state == State.SUCCESS
    assert "Ignore" in run.reason


def test_reject_is_a_failure_with_a_reason(service: Cluster) -> None:
    run = run_once("reject")
    assert run.state == State.FAILURE
    assert "rejected" in run.reason


def test_reject_with_requeue_is_another_attempt(service: Cluster, ledger: Ledger) -> None:
    run = run_once("reject_once", str(ledger))
    assert (run.state, run.result, run.attempt) == (State.SUCCESS, "taken", 2)


def test_a_task_with_a_base_class_of_its_own_is_tracked(service: Cluster) -> None:
    run = run_once("with_base_class", "word")
    assert (run.state, run.result) == (State.SUCCESS, {"wrapped": "word"})


def test_a_result_that_is_no_json_is_stored_as_text(service: Cluster) -> None:
    run = run_once("return_object")
    assert run.state == State.SUCCESS
    assert "'a set': {1}" in run.result


def test_a_huge_result_is_cut(service: Cluster) -> None:
    run = run_once("return_much")
    assert run.state == State.SUCCESS
    assert len(run.result) <= 65_536
    assert run.result.endswith("(cut)")


def test_nul_bytes_in_a_result_are_replaced(service: Cluster) -> None:
    run = run_once("return_nul")
    assert run.state == State.SUCCESS
    assert run.result == ["a␀b", "?"]


def test_a_huge_error_is_cut_in_both_tables(service: Cluster) -> None:
    run = run_once("fail_hugely")
    assert run.state == State.FAILURE
    assert len(run.exception) <= 10_000
    assert len(run.traceback) <= 65_536
    assert len(execution_of(run).exception) <= 1_000


def test_nul_bytes_in_an_error_are_replaced(service: Cluster) -> None:
    run = run_once("fail_with_nul")
    assert run.state == State.FAILURE
    assert run.exception == "RuntimeError: a␀b?c"


def test_an_error_that_can_neither_be_printed_nor_pickled_is_a_failure(service: Cluster) -> None:
    run = run_once("fail_unspeakably")
    assert run.state == State.FAILURE
    assert "Unspeakable" in run.exception


def test_a_broken_transaction_of_the_task_does_not_touch_tracking(service: Cluster) -> None:
    run = run_once("roll_back")
    assert run.state == State.FAILURE
    assert "there_is_no_such_table" in run.exception
    assert run_once("close_connections").state == State.SUCCESS


def test_a_task_sent_by_a_task_is_not_tracked_and_works(service: Cluster, ledger: Ledger) -> None:
    run = run_once("send_another", str(ledger))
    assert run.state == State.SUCCESS
    wait_for(lambda: len(ledger()) == 1, what="the other task")
    assert TaskRun.objects.count() == 1


def test_a_task_that_replaces_itself_is_done(service: Cluster, ledger: Ledger) -> None:
    run = run_once("replace_itself", str(ledger))
    assert run.state == State.SUCCESS
    wait_for(lambda: len(ledger()) == 1, what="the replacement")
    assert "replaced" in run.reason


def test_a_result_of_none_is_none(service: Cluster) -> None:
    run = run_once("nap", 0, "")
    assert isinstance(run.result, int)
    run = run_once("do_nothing")
    assert run.state == State.SUCCESS
    assert run.result is None
    assert execution_of(run).status == "Executed"


def test_progress_is_seen_while_the_task_runs(service: Cluster) -> None:
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id="slow", args=[3, 10])
    run = run_job("slow")
    seen = wait_for(lambda: TaskRun.objects.get(id=run.id).progress, what="progress")
    assert seen["total"] == 10
    run = wait_for_end(run)
    assert run.progress == {"current": 10, "total": 10, "text": "done"}


def test_the_worker_is_told_queue_limits_priority_and_the_runs_id(service: Cluster) -> None:
    run = run_once("read_request", priority=3, time_limit=60, soft_time_limit=50)
    assert run.result == {
        "id": str(run.id), "retries": 0, "queue": "default", "time_limits": [60.0, 50.0], "priority": 3,
    }  # fmt: skip


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
