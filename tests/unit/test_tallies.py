"""The tallies of the hours: what is counted, when, and how it is read."""

from __future__ import annotations

import itertools
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django_apscheduler.models import DjangoJob

from scheduler import clock, runs, tallies
from scheduler.models import HourTally, ScheduledTask, State, TaskRun
from tests.plans import plans_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 2, 12, 34, 56, tzinfo=UTC)


@pytest.fixture(autouse=True)
def job(monkeypatch: pytest.MonkeyPatch, db: None) -> ScheduledTask:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return ScheduledTask.objects.create(job=DjangoJob.objects.create(id="job", job_state=b""), task="t")


def due(job: ScheduledTask, hours: float, state: State = State.SUCCESS, count: int = 1) -> list[TaskRun]:
    """Write runs that were due so many hours ago."""
    at = NOW - timedelta(hours=hours)
    new = [
        runs.new_run(job, at + timedelta(microseconds=number), now=at, state=state, run_id=uuid.uuid4())
        for number in range(count)
    ]
    return runs.insert(new)


def counted() -> dict[int, dict[str, int]]:
    """What the reader says, by how many hours ago the hour was; empty ones left out."""
    return {23 - place: hour.counts for place, hour in enumerate(tallies.last_hours()) if hour.counts}


def test_runs_are_counted_by_the_hour_that_they_were_due_in_and_by_state(job: ScheduledTask) -> None:
    due(job, 0, State.PENDING)
    due(job, 0.1, State.SUCCESS, 3)
    due(job, 0.2, State.FAILURE)
    due(job, 1, State.SKIPPED, 2)
    due(job, 2.2)
    due(job, 30)
    tallies.count(NOW)
    assert counted() == {0: {"pending": 1, "success": 3, "failure": 1}, 1: {"skipped": 2}, 2: {"success": 1}}


def test_the_hours_are_told_without_gaps_earliest_first() -> None:
    hours = [hour.begins_at for hour in tallies.last_hours()]
    assert len(hours) == 24
    assert hours[-1] == datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert {b - a for a, b in itertools.pairwise(hours)} == {timedelta(hours=1)}
    assert len(tallies.last_hours(3)) == 3


def test_an_edge_of_an_hour_belongs_to_the_hour_that_it_begins(job: ScheduledTask) -> None:
    for at in (datetime(2026, 3, 2, 12, tzinfo=UTC), datetime(2026, 3, 2, 11, 59, 59, 999_999, tzinfo=UTC)):
        runs.insert([runs.new_run(job, at, now=at, state=State.MISSED)])
    tallies.count(NOW)
    assert counted() == {0: {"missed": 1}, 1: {"missed": 1}}


def test_counting_again_changes_nothing_but_what_has_changed(job: ScheduledTask) -> None:
    [run] = due(job, 0.1, State.RUNNING)
    due(job, 0.2)
    tallies.count(NOW)
    tallies.count(NOW)
    assert counted() == {0: {"running": 1, "success": 1}}
    TaskRun.objects.filter(id=run.id).update(state=State.SUCCESS)
    tallies.count(NOW)
    assert counted() == {0: {"success": 2}}
    TaskRun.objects.all().delete()
    tallies.count(NOW)
    assert counted() == {}


def test_after_a_downtime_the_hours_of_the_last_day_are_made_up_for_once(job: ScheduledTask) -> None:
    due(job, 20)
    assert tallies.count(NOW) == 24
    assert counted() == {20: {"success": 1}}
    assert tallies.count(NOW) == 3  # hours without a run were counted as well
    due(job, 20.1)
    tallies.count(NOW)
    assert counted() == {20: {"success": 1}}  # nobody looks at an hour that is over


def test_an_hour_with_runs_that_go_on_is_counted_until_they_have_ended(job: ScheduledTask) -> None:
    [run] = due(job, 10, State.RUNNING)
    tallies.count(NOW)
    assert tallies.count(NOW) == 4
    TaskRun.objects.filter(id=run.id).update(state=State.FAILURE)
    assert tallies.count(NOW) == 4
    assert counted() == {10: {"failure": 1}}
    assert tallies.count(NOW) == 3


def test_reading_costs_one_query(job: ScheduledTask, django_assert_num_queries: Any) -> None:
    due(job, 0, count=5)
    tallies.count(NOW)
    with django_assert_num_queries(1):
        tallies.last_hours()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's plans")
@pytest.mark.django_db(transaction=True)
def test_an_hour_is_counted_in_the_index_alone(job: ScheduledTask) -> None:
    for hours in range(60):
        due(job, hours, count=200)
    tallies.count(NOW)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    plans = plans_of(lambda: tallies.count(NOW))
    counts = [plan for query, plan in plans.items() if "COUNT" in query]
    assert len(counts) == 3
    for plan in counts:
        assert "Index Only Scan using scheduler_run_time" in plan, plan


def test_the_rows_of_an_hour_say_that_it_was_counted_even_if_nothing_was_due() -> None:
    tallies.count(NOW)
    assert set(HourTally.objects.values_list("state", "count")) == {("success", 0)}
