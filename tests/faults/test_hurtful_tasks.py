"""Tasks that hurt themselves or their process: the worker lives, neighbours run, and the state is right."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from scheduler import add_job, clock
from scheduler.models import ServiceProcess, State, TaskRun
from tests.faults.conftest import SCALE
from tests.faults.site import Planned, Site
from tests.waiting import wait_for

TASKS = "tests.app.fault_tasks."

HURTFUL: dict[str, tuple[str, dict[str, Any], dict[str, Any], State, str]] = {
    "kills-itself": ("kill_itself", {}, {}, State.LOST, "died"),
    "raises-memory-error": ("raise_memory_error", {}, {}, State.FAILURE, "MemoryError"),
    "exceeds-address-space": ("exceed_address_space", {}, {}, State.FAILURE, "MemoryError"),
    "ignores-soft-limit": (
        "ignore_soft_limit", {}, {"soft_time_limit": 1, "time_limit": 3}, State.TIMEOUT, "hard time limit",
    ),
    "forks-and-exits": ("fork", {"leave_with": "exit"}, {}, State.SUCCESS, "the original's result"),
    "forks-and-fails": ("fork", {"leave_with": "error"}, {}, State.SUCCESS, "the original's result"),
    "forks-and-returns": ("fork", {"leave_with": "return"}, {}, State.SUCCESS, "the original's result"),
    "leaves-its-transaction-broken": ("leave_transaction_broken", {}, {}, State.SUCCESS, "left"),
    "closes-all-connections": ("close_all_connections", {}, {}, State.SUCCESS, "closed"),
}  # fmt: skip


def add_once(site: Site, job_id: str, task: str, at: datetime, **options: Any) -> None:
    """Add a job that fires once, at an instant that the oracle knows."""
    add_job(TASKS + task, "date", id=job_id, run_date=at, overlap="allow", **options)
    site.planned.append(Planned(job_id, at, 1.0, at))


def told(run: TaskRun) -> str:
    """Return all that a run says of its end."""
    return f"{run.reason} {run.exception} {run.result}"


def test_tasks_that_hurt_their_worker_end_as_they_should_and_neighbours_run_on(site: Site) -> None:
    rounds = max(1, round(5 * SCALE))
    site.start_schedulers(1)
    (worker,) = site.start_workers(1, concurrency=3)
    site.add_jobs(3, lasting=4.0 * rounds + 6, begin=4)
    begin = clock.now().replace(microsecond=0) + timedelta(seconds=4)
    for number in range(rounds):
        for job, (task, kwargs, options, _, _) in HURTFUL.items():
            kwargs = {**kwargs, "ledger": site.ledger} if task == "fork" else kwargs
            add_once(site, f"{job}-{number}", task, begin + timedelta(seconds=4 * number), kwargs=kwargs, **options)
            site.report.faults += 1
    site.wait_for_the_end(timeout=60 + 10 * rounds)
    site.check(all_succeed=False)
    for number in range(rounds):
        for job, (_, _, _, state, words) in HURTFUL.items():
            run = TaskRun.objects.get(job_id=f"{job}-{number}")
            assert run.state == state, f"{run.job_id}: {run.state}, {told(run)}"
            assert words in told(run), f"{run.job_id}: {told(run)}"
            assert run.note == "", "the task's own transaction was not rolled back"
    neighbours = TaskRun.objects.filter(job_id__startswith="job-")
    assert set(neighbours.values_list("state", flat=True)) == {State.SUCCESS}
    assert worker.is_running
    assert ServiceProcess.objects.filter(kind="worker").count() == 1, "the worker was started once"
    after = clock.now()
    add_once(site, "afterwards", "work", after + timedelta(seconds=1), kwargs={"ledger": site.ledger})
    wait_for(lambda: TaskRun.objects.filter(job_id="afterwards", state=State.SUCCESS).exists(), what="a run afterwards")


@pytest.mark.parametrize("task", ["work", "work_late"])
def test_a_run_that_outlasts_the_visibility_timeout_ten_times_starts_once(site: Site, task: str) -> None:
    visibility = 2.0
    site.cluster.env["TEST_BROKER_OPTIONS"] = f'{{"visibility_timeout": {visibility}, "unacked_restore_throttle": 1}}'
    site.start_schedulers(1)
    site.start_workers(2, concurrency=1)
    begin = clock.now().replace(microsecond=0) + timedelta(seconds=3)
    for number in range(4):  # two run; the other two wait in workers that have taken them, longer than the timeout
        kwargs = {"ledger": site.ledger, "seconds": 10 * visibility}
        add_once(site, f"long-{number}", task, begin, kwargs=kwargs)
        site.report.faults += 1
    wait_for(lambda: TaskRun.objects.filter(state=State.RUNNING).count() == 2, what="two to run", timeout=30)
    site.start_workers(1, concurrency=2)  # has room for what is delivered again
    site.wait_for_the_end(timeout=60 + 30 * visibility)
    site.check()
    again = sum(worker.output.count("received") for worker in site.workers) - 4
    site.report.notes.append(f"{again} messages delivered again")
    assert again > 0, "the visibility timeout did not show"
    assert len([words for words in site.lines() if words[0] == "start"]) == 4
