"""What schedulers do beside firing: real ones, over the test database."""

from __future__ import annotations

import uuid
from datetime import timedelta

from scheduler import add_job, clock, jobs, retention, runs
from scheduler.models import RunLog, State, TaskRun
from tests.cluster import Cluster
from tests.waiting import wait_for

TASKS = "tests.app.tasks."


def test_the_scheduler_deletes_what_is_past_retention(cluster: Cluster) -> None:
    job = add_job(TASKS + "add", "interval", hours=1, id="old", args=[1])
    at = clock.now() - timedelta(days=40)
    runs.insert(
        [
            runs.new_run(job, at + timedelta(minutes=n), now=at, state=State.SUCCESS, run_id=uuid.uuid4())
            for n in range(300)
        ]
    )
    RunLog.objects.bulk_create([RunLog(run=run, number=1, text="line\n") for run in TaskRun.objects.all()])
    schedulers = [cluster.scheduler(wait=False), cluster.scheduler(wait=False)]
    wait_for(lambda: not RunLog.objects.exists(), what="old logs to go")
    wait_for(lambda: TaskRun.objects.count() == 100, what="old runs to go")
    retention.set_rule("", keep=10)
    wait_for(lambda: TaskRun.objects.count() == 10, what="a changed rule to be in force", timeout=5)
    for scheduler in schedulers:
        assert scheduler.terminate() == 0
    assert jobs.get_job("old")
