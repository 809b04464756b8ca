"""When jobs fire and how often: the article's cases, overlap policies, missed firings, one-off jobs.

All jobs are added together when the first test asks for one of them, and each test waits for what is its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import add_job, clock
from scheduler.lookup import get_job, state_of
from scheduler.models import State, TaskRun
from tests.cluster import Cluster
from tests.integration.conftest import empty
from tests.ledger import Ledger
from tests.runs import execution_of, runs_of, wait_for_runs

TASKS = "tests.app.tasks."


class Stage:
    """What the jobs of this module have in common."""

    def __init__(self, folder: Any) -> None:
        self.ledger = Ledger(folder / "ticks.txt")
        self.now = clock.now()

    def ago(self, seconds: float) -> datetime:
        return self.now - timedelta(seconds=seconds)

    def add(self, job_id: str, task: str, trigger: str, *args: Any, **options: Any) -> None:
        add_job(TASKS + task, trigger, id=job_id, args=list(args), **options)

    def add_missed(self, job_id: str, task: str, since: float, every: float, *args: Any, **options: Any) -> None:
        """Add a job that has been due since so many seconds."""
        due = self.ago(since)
        self.add(job_id, task, "interval", *args, seconds=every, start_date=due, next_run_time=due, **options)


@pytest.fixture(scope="module")
def stage(shared: Cluster, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with django_db_blocker.unblock():
        empty()
        stage = Stage(tmp_path_factory.mktemp("ledgers"))
        stage.add("ticks", "say_time", "interval", str(stage.ledger), seconds=1)
        stage.add("long", "nap", "interval", 2.5, seconds=1)
        stage.add("pair", "nap", "interval", 2.5, seconds=1, max_instances=2)
        stage.add("line", "nap", "interval", 2.5, seconds=1, overlap="queue")
        stage.add("replaced", "nap_with_progress", "interval", 60, 600, seconds=3, overlap="replace")
        stage.add("free", "nap", "interval", 2.5, seconds=2, overlap="allow")
        stage.add("once", "add", "date", 1, 1, run_date=stage.now + timedelta(seconds=1))
        stage.add("plain", "nap", "date", 2, run_date=stage.now)
        stage.add("late", "add", "date", 1, 1, run_date=stage.ago(7200))
        stage.add("strict", "add", "date", 1, run_date=stage.ago(30), misfire_grace_time=5)
        stage.add_missed("one", "add", 545, 100, 1)
        stage.add_missed("all", "nap", 345, 100, 0.2, catch_up="all")
        stage.add_missed("skip", "add", 345, 100, 1, catch_up="skip")
        yield stage
        empty()


def spans(runs: list[TaskRun]) -> list[tuple[float, float]]:
    return [(r.started_at.timestamp(), r.finished_at.timestamp()) for r in runs if r.started_at and r.finished_at]


def most_at_once(runs: list[TaskRun]) -> int:
    """Return how many of the runs were under way at the same time, at most."""
    edges = sorted([(start, 1) for start, _ in spans(runs)] + [(end, -1) for _, end in spans(runs)])
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def test_an_interval_job_fires_each_second_and_each_firing_turns_green(stage: Stage) -> None:
    runs = wait_for_runs("ticks", 4, state=State.SUCCESS)
    firings = runs_of("ticks")
    assert {(b.scheduled_at - a.scheduled_at).total_seconds() for a, b in pairwise(firings)} == {1.0}
    for run in runs:
        assert run.requested_by == "schedule"
        assert run.queued_at
        assert run.started_at
        assert run.finished_at
        assert run.scheduled_at <= run.created_at <= run.queued_at <= run.started_at <= run.finished_at
        assert execution_of(run).status == "Executed"
    assert len(stage.ledger()) >= 4


def test_a_job_that_takes_longer_than_its_interval_is_skipped_visibly(stage: Stage) -> None:
    for run in wait_for_runs("long", 3, state=State.SKIPPED):
        assert run.reason == "Maximum number of running instances reached (1)"
        assert run.started_at is None
        row = execution_of(run)
        assert (row.status, row.exception) == ("Max instances!", run.reason)
    assert most_at_once(wait_for_runs("long", 2, state=State.SUCCESS)) == 1


def test_with_max_instances_2_two_run_at_once_in_different_processes(stage: Stage) -> None:
    ended = wait_for_runs("pair", 3, state=State.SUCCESS)
    assert most_at_once(ended) == 2
    assert len({run.pid for run in ended[:2]}) == 2
    wait_for_runs("pair", 1, state=State.SKIPPED)


def test_overlap_queue_lets_one_run_wait_and_skips_the_others(stage: Stage) -> None:
    skipped = wait_for_runs("line", state=State.SKIPPED)
    assert "one run waits in line" in skipped[0].reason
    ended = wait_for_runs("line", 2, state=State.SUCCESS)
    assert most_at_once(ended) == 1
    assert ended[1].scheduled_at < ended[0].finished_at
    assert len(runs_of("line", waiting=True)) <= 1


def test_overlap_replace_cancels_the_old_run_and_starts_the_new_one(stage: Stage) -> None:
    cancelled = wait_for_runs("replaced", state=State.CANCELLED, started_at__isnull=False, timeout=20)
    assert "Replaced" in cancelled[0].reason
    started = wait_for_runs("replaced", started_at__gt=cancelled[0].started_at)
    assert started[0].started_at >= cancelled[0].finished_at


def test_overlap_allow_runs_side_by_side(stage: Stage) -> None:
    assert most_at_once(wait_for_runs("free", 3, state=State.SUCCESS)) >= 2
    assert not runs_of("free", state=State.SKIPPED)


def test_a_one_off_job_fires_once_and_its_history_stays(stage: Stage) -> None:
    assert wait_for_runs("once", state=State.SUCCESS)[0].result == 2
    assert state_of(get_job("once")) == "finished"
    assert DjangoJob.objects.filter(id="once", next_run_time=None).exists()
    assert DjangoJobExecution.objects.filter(job_id="once", status="Executed").count() == 1


def test_a_one_off_job_in_the_past_fires_at_once(stage: Stage) -> None:
    (run,) = wait_for_runs("late", state=State.SUCCESS)
    assert run.scheduled_at == stage.ago(7200)


def test_catch_up_one_runs_the_latest_missed_firing_once(stage: Stage) -> None:
    (run,) = wait_for_runs("one", state=State.SUCCESS)
    missed = runs_of("one", state=State.MISSED)
    assert [(run.scheduled_at - m.scheduled_at).total_seconds() for m in missed] == [500, 400, 300, 200, 100]
    assert all("made up for" in m.reason for m in missed)
    assert {execution_of(m).status for m in missed} == {"Missed!"}


def test_catch_up_all_runs_each_missed_firing_one_after_the_other(stage: Stage) -> None:
    ended = wait_for_runs("all", 4, state=State.SUCCESS)
    assert [(run.scheduled_at - stage.ago(345)).total_seconds() for run in ended] == [0, 100, 200, 300]
    assert most_at_once(ended) == 1


def test_catch_up_skip_runs_none_of_them(stage: Stage) -> None:
    missed = wait_for_runs("skip", 4, state=State.MISSED)
    assert [m.reason.split(" s late")[0][:9] for m in missed] == ["Missed: 3", "Missed: 2", "Missed: 1", "Missed: 4"]
    assert not runs_of("skip", state=State.SUCCESS)


def test_a_firing_later_than_its_misfire_grace_time_is_missed(stage: Stage) -> None:
    (run,) = wait_for_runs("strict", state=State.MISSED)
    assert "s late, and it may start 5 s late at most" in run.reason
    assert execution_of(run).status == "Missed!"


def test_plain_django_apscheduler_code_reads_status_and_duration(stage: Stage) -> None:
    wait_for_runs("plain", state=State.SUCCESS)
    (row,) = DjangoJob.objects.get(id="plain").djangojobexecution_set.all()
    assert row.status == DjangoJobExecution.SUCCESS
    assert 1.9 < float(row.duration) < 4
    assert float(row.finished) - row.run_time.timestamp() >= 2
    assert row.exception is None
