"""What a worker may do with a run, and what the execution table says of it then.

The runs that need nothing but a worker start together, when the first test asks for one of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from scheduler import add_job, run_job
from scheduler.models import ServiceProcess, State, TaskRun
from tests.cluster import Cluster
from tests.integration.conftest import empty
from tests.ledger import Ledger
from tests.runs import execution_of, wait_for_end
from tests.waiting import wait_for

TASKS = "tests.app.tasks."


class Stage:
    """Runs by the name of their job, each under a job that would fire in an hour."""

    def __init__(self, folder: Any) -> None:
        self.folder = folder
        self.ledgers: dict[str, Ledger] = {}

    def start(self, job_id: str, task: str, *args: object, **options: Any) -> TaskRun:
        """Start a run. The word LEDGER among the arguments stands for the path of a ledger of its own."""
        ledger = self.ledgers[job_id] = Ledger(self.folder / f"{job_id}.txt")
        told = [str(ledger) if arg == LEDGER else arg for arg in args]
        add_job(TASKS + task, "interval", hours=1, id=job_id, args=told, **options)
        return run_job(job_id, by="the test")

    def ended(self, job_id: str, timeout: float = 30) -> TaskRun:
        """Wait for a run's end."""
        return wait_for_end(TaskRun.objects.get(job_id=job_id), timeout=timeout)

    def lines(self, job_id: str) -> list[str]:
        return self.ledgers[job_id]()


LEDGER = object()


@pytest.fixture(scope="module")
def stage(shared: Cluster, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with django_db_blocker.unblock():
        empty()
        stage = Stage(tmp_path_factory.mktemp("ledgers"))
        for job_id, (task, args, options) in TOGETHER.items():
            stage.start(job_id, task, *args, **options)
        yield stage
        empty()


TOGETHER: dict[str, tuple[str, list[Any], dict[str, Any]]] = {
    "add": ("add", [2, 3], {}),
    "fail": ("fail", ["no such file"], {}),
    "retry-twice": ("retry_twice", [LEDGER], {}),
    "retry-in-vain": ("retry_in_vain", [], {}),
    "retry-by-itself": ("retry_by_itself", [LEDGER], {}),
    "retry-with-other-arguments": ("retry_with_other_arguments", [1], {"kwargs": {"word": "first"}}),
    "nap": ("nap", [30], {"soft_time_limit": 1, "time_limit": 20}),
    "sleep-through-soft-limit": ("sleep_through_soft_limit", [30], {"soft_time_limit": 1, "time_limit": 2}),
    "kill-process": ("kill_process", [9, LEDGER], {}),
    "kill-process-once": ("kill_process_once", [LEDGER], {"on_lost": "retry"}),
    "kill-process-2": ("kill_process", [9, LEDGER], {"on_lost": "retry"}),
    "run-out-of-memory": ("run_out_of_memory", [], {}),
    "leave": ("leave", [], {}),
    "ignore": ("ignore", [], {}),
    "reject": ("reject", [], {}),
    "reject-once": ("reject_once", [LEDGER], {}),
    "with-base-class": ("with_base_class", ["word"], {}),
    "return-object": ("return_object", [], {}),
    "return-much": ("return_much", [], {}),
    "return-nul": ("return_nul", [], {}),
    "fail-hugely": ("fail_hugely", [], {}),
    "fail-with-nul": ("fail_with_nul", [], {}),
    "fail-unspeakably": ("fail_unspeakably", [], {}),
    "log-in": ("log_in", ["nobody", "hunter2"], {}),
    "roll-back": ("roll_back", [], {}),
    "replace-itself": ("replace_itself", [LEDGER], {}),
    "close-connections": ("close_connections", [], {}),
    "do-nothing": ("do_nothing", [], {}),
    "collected": ("count_what_is_collected", [], {}),
    "read-request": ("read_request", [], {"priority": 3, "time_limit": 60, "soft_time_limit": 50}),
}


def test_a_task_that_returns_succeeds_with_its_result(stage: Stage) -> None:
    run = stage.ended("add")
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


def test_no_body_waits_for_a_collection_of_what_its_worker_has_loaded(stage: Stage) -> None:
    passed_over, looked_at = stage.ended("collected").result
    assert passed_over > looked_at


def test_a_task_that_raises_fails_with_exception_and_traceback(stage: Stage) -> None:
    run = stage.ended("fail")
    assert run.state == State.FAILURE
    assert run.exception == "ValueError: no such file"
    assert "raise ValueError(text)" in run.traceback
    row = execution_of(run)
    assert row.status == "Error!"
    assert row.exception == "ValueError: no such file"
    assert "raise ValueError(text)" in row.traceback


def test_an_exception_does_not_tell_secret_arguments(stage: Stage) -> None:
    run = stage.ended("log-in")
    assert run.exception == "PermissionError: ***** is wrong"
    assert "raise PermissionError(" in run.traceback
    assert "hunter2" not in run.traceback
    assert "hunter2" not in str(execution_of(run).__dict__)


def test_a_tasks_own_retries_are_attempts_of_one_run(stage: Stage) -> None:
    run = stage.ended("retry-twice")
    assert run.state == State.SUCCESS
    assert (run.attempt, run.retries, run.result) == (3, 2, 2)
    assert stage.lines("retry-twice") == ["0", "1", "2"]
    assert execution_of(run).status == "Executed"


def test_a_task_whose_retries_are_used_up_fails_with_its_last_error(stage: Stage) -> None:
    run = stage.ended("retry-in-vain")
    assert run.state == State.FAILURE
    assert run.exception == "ConnectionError: still no answer"
    assert run.attempt == 2


def test_autoretry_for_works_unchanged(stage: Stage) -> None:
    run = stage.ended("retry-by-itself")
    assert (run.state, run.result, run.attempt) == (State.SUCCESS, "third time lucky", 3)


def test_a_retry_may_change_its_arguments(stage: Stage) -> None:
    run = stage.ended("retry-with-other-arguments")
    assert (run.state, run.result) == (State.SUCCESS, [2, "changed"])


def test_a_soft_time_limit_is_a_timeout(stage: Stage) -> None:
    run = stage.ended("nap")
    assert run.state == State.TIMEOUT
    assert "soft time limit" in run.reason
    assert "SoftTimeLimitExceeded" in run.exception
    assert 0.8 < run.duration < 6
    assert execution_of(run).status == "Error!"


def test_a_hard_time_limit_is_a_timeout(stage: Stage) -> None:
    run = stage.ended("sleep-through-soft-limit")
    assert run.state == State.TIMEOUT
    assert "hard time limit" in run.reason
    assert 1.5 < run.duration < 8
    assert "hard time limit" in execution_of(run).exception


def test_a_child_that_kills_itself_is_lost_and_its_run_does_not_start_again(stage: Stage) -> None:
    run = stage.ended("kill-process")
    assert run.state == State.LOST
    assert "died" in run.reason
    assert len(stage.lines("kill-process")) == 1
    assert execution_of(run).status == "Error!"


def test_a_lost_run_starts_again_where_its_job_says_so(stage: Stage) -> None:
    run = stage.ended("kill-process-once")
    assert (run.state, run.result, run.attempt) == (State.SUCCESS, "second time", 2)
    assert len(stage.lines("kill-process-once")) == 2


def test_a_run_that_always_kills_its_process_is_given_up(stage: Stage) -> None:
    run = stage.ended("kill-process-2")
    assert run.state == State.LOST
    assert "last of 2 attempts" in run.reason
    assert len(stage.lines("kill-process-2")) == 2


def test_a_memory_error_is_a_failure_and_the_worker_goes_on(stage: Stage, shared: Cluster) -> None:
    run = stage.ended("run-out-of-memory")
    assert run.state == State.FAILURE
    assert "MemoryError: no more" in run.exception


def test_sys_exit_is_a_failure_and_the_worker_goes_on(stage: Stage) -> None:
    run = stage.ended("leave")
    assert run.state == State.FAILURE
    assert "SystemExit: 3" in run.exception


def test_ignore_is_a_success_with_a_reason(stage: Stage) -> None:
    run = stage.ended("ignore")
    assert run.state == State.SUCCESS
    assert "Ignore" in run.reason


def test_reject_is_a_failure_with_a_reason(stage: Stage) -> None:
    run = stage.ended("reject")
    assert run.state == State.FAILURE
    assert "rejected" in run.reason


def test_reject_with_requeue_is_another_attempt(stage: Stage) -> None:
    run = stage.ended("reject-once")
    assert (run.state, run.result, run.attempt) == (State.SUCCESS, "taken", 2)


def test_a_task_with_a_base_class_of_its_own_is_tracked(stage: Stage) -> None:
    run = stage.ended("with-base-class")
    assert (run.state, run.result) == (State.SUCCESS, {"wrapped": "word"})


def test_a_result_that_is_no_json_is_stored_as_text(stage: Stage) -> None:
    run = stage.ended("return-object")
    assert run.state == State.SUCCESS
    assert "'a set': {1}" in run.result


def test_a_huge_result_is_cut(stage: Stage) -> None:
    run = stage.ended("return-much")
    assert run.state == State.SUCCESS
    assert len(run.result) <= 65_536
    assert run.result.endswith("(cut)")


def test_nul_bytes_in_a_result_are_replaced(stage: Stage) -> None:
    run = stage.ended("return-nul")
    assert run.state == State.SUCCESS
    assert run.result == ["a␀b", "?"]


def test_a_huge_error_is_cut_in_both_tables(stage: Stage) -> None:
    run = stage.ended("fail-hugely")
    assert run.state == State.FAILURE
    assert len(run.exception) <= 10_000
    assert len(run.traceback) <= 65_536
    assert len(execution_of(run).exception) <= 1_000


def test_nul_bytes_in_an_error_are_replaced(stage: Stage) -> None:
    run = stage.ended("fail-with-nul")
    assert run.state == State.FAILURE
    assert run.exception == "RuntimeError: a␀b?c"


def test_an_error_that_can_neither_be_printed_nor_pickled_is_a_failure(stage: Stage) -> None:
    run = stage.ended("fail-unspeakably")
    assert run.state == State.FAILURE
    assert "Unspeakable" in run.exception


def test_a_broken_transaction_of_the_task_does_not_touch_tracking(stage: Stage) -> None:
    run = stage.ended("roll-back")
    assert run.state == State.FAILURE
    assert "there_is_no_such_table" in run.exception
    assert stage.ended("close-connections").state == State.SUCCESS


def test_a_task_that_replaces_itself_is_done(stage: Stage) -> None:
    run = stage.ended("replace-itself")
    assert run.state == State.SUCCESS
    wait_for(lambda: len(stage.lines("replace-itself")) == 1, what="the replacement")
    assert "replaced" in run.reason


def test_the_worker_is_told_queue_limits_priority_and_the_runs_id(stage: Stage) -> None:
    run = stage.ended("read-request")
    assert run.result == {
        "id": str(run.id), "retries": 0, "queue": "default", "time_limits": [60.0, 50.0], "priority": 3,
    }  # fmt: skip


def test_a_result_of_none_is_none(stage: Stage) -> None:
    run = stage.ended("do-nothing")
    assert run.state == State.SUCCESS
    assert run.result is None
    assert execution_of(run).status == "Executed"


def test_after_all_this_the_worker_works_on(stage: Stage, shared: Cluster) -> None:
    assert wait_for_end(stage.start("and-on", "add", 1, 1)).state == State.SUCCESS
    assert all(program.is_running for program in shared.programs)


@pytest.mark.django_db
def test_a_worker_announces_how_the_parameters_of_its_tasks_are_called(shared: Cluster) -> None:
    worker = ServiceProcess.objects.filter(kind="worker", stopped_at=None).latest("started_at")
    assert worker.tasks[TASKS + "log_in"] == ["user", "password", "*tokens"]
    assert not [name for name in worker.tasks if name.startswith("celery.")]
