"""How late the scheduler is."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django_apscheduler.models import DjangoJob

from scheduler import clock, figures, runs
from scheduler.figures import Lateness, Spread, lateness
from scheduler.models import ScheduledTask, State, TaskRun
from tests.plans import plans_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> ScheduledTask:
    return ScheduledTask.objects.create(job=DjangoJob.objects.create(id="job", job_state=b""), task="t")


def fire(job: ScheduledTask, late: list[float], *, ago: float = 0, queued: float | None = None, **fields: Any) -> None:
    """Write firings that a pass wrote so late, each a second after the one before."""
    start = clock.now() - timedelta(seconds=len(late) + ago)
    new = []
    for number, seconds in enumerate(late):
        due = start + timedelta(seconds=number)
        run = runs.new_run(job, due, now=due + timedelta(seconds=seconds), run_id=uuid.uuid4())
        for name, value in fields.items():
            setattr(run, name, value)
        new.append(run)
    runs.insert(new)
    if queued is not None:
        for run in new:
            at = run.created_at + timedelta(seconds=queued)
            TaskRun.objects.filter(id=run.id).update(queued_at=at, state=State.QUEUED)


def test_without_firings_nothing_is_known() -> None:
    assert lateness() == Lateness(0, None, None)


def test_half_and_all_but_one_in_a_hundred_are_told(job: ScheduledTask) -> None:
    fire(job, [0.01] * 60 + [0.5] * 38 + [3.0, 9.0], queued=1)
    found = lateness()
    assert found.firings == 100
    assert found.planned == Spread(0.01, 3.0)
    assert found.queued == Spread(1.01, 4.0)


def test_one_firing_is_all_of_them(job: ScheduledTask) -> None:
    fire(job, [0.25])
    assert lateness() == Lateness(1, Spread(0.25, 0.25), None)


def test_manual_and_missed_runs_say_nothing_of_the_scheduler(job: ScheduledTask) -> None:
    fire(job, [0.5])
    fire(job, [100], ago=5, requested_by="anna")
    fire(job, [100], ago=6, state=State.MISSED)
    fire(job, [0.5], ago=7, state=State.SKIPPED)
    assert lateness() == Lateness(2, Spread(0.5, 0.5), None)


def test_a_retry_is_queued_late_on_purpose(job: ScheduledTask) -> None:
    fire(job, [0.5], queued=1)
    fire(job, [0.5], queued=600, ago=5)
    TaskRun.objects.filter(queued_at__gt=clock.now() + timedelta(seconds=60)).update(attempt=2)
    assert lateness().queued == Spread(1.5, 1.5)


def test_clocks_that_differ_make_no_firing_early(job: ScheduledTask) -> None:
    fire(job, [-0.5])
    assert lateness().planned == Spread(0.0, 0.0)


def test_the_newest_are_looked_at_in_one_query(
    job: ScheduledTask, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(figures, "FIRINGS", 10)
    fire(job, [5.0] * 20, ago=100)
    fire(job, [0.5] * 10)
    with django_assert_num_queries(1):
        assert lateness() == Lateness(10, Spread(0.5, 0.5), None)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's plans")
def test_the_table_of_runs_is_not_searched(job: ScheduledTask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "NEWEST", 100)
    fire(job, [0.5] * 5_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    [plan] = plans_of(lateness).values()
    assert "Index Scan using scheduler_run_time" in plan, plan
