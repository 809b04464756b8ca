"""What schedulers do beside firing: real ones, over the test database."""

from __future__ import annotations

import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models import QuerySet
from django_apscheduler.models import DjangoJob

from scheduler import add_job, bulk, clock, retention, runs
from scheduler.engine.bulk import carry_out
from scheduler.lookup import get_job
from scheduler.models import BulkPart, HourTally, RunLog, State, TaskRun
from tests.cluster import Cluster
from tests.runs import runs_of
from tests.waiting import wait_for

TASKS = "tests.app.tasks."


def test_the_scheduler_counts_the_hours_and_deletes_what_is_past_retention(cluster: Cluster) -> None:
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
    wait_for(lambda: HourTally.objects.count() >= 24, what="the hours of a day to be counted")
    wait_for(lambda: not RunLog.objects.exists(), what="old logs to go")
    wait_for(lambda: TaskRun.objects.count() == 100, what="old runs to go")
    retention.set_rule("", keep=10)
    wait_for(lambda: TaskRun.objects.count() == 10, what="a changed rule to be in force", timeout=5)
    for scheduler in schedulers:
        assert scheduler.terminate() == 0
    assert get_job("old")


def add_many(count: int) -> list[str]:
    """Add jobs that nobody will run, and return their ids."""
    ids = [f"many-{number:04}" for number in range(count)]
    with transaction.atomic():
        for job_id in ids:
            add_job(TASKS + "add", "interval", hours=1, id=job_id, args=[1], queue="nobody")
    return ids


def test_schedulers_share_a_bulk_action_and_a_killed_one_takes_nothing_along(cluster: Cluster) -> None:
    ids = add_many(600)
    add_job(TASKS + "add", "interval", seconds=1, id="ticks", args=[1], queue="nobody", overlap="allow")
    killed, other = cluster.scheduler(), cluster.scheduler()
    asked = bulk.start("run", ids, by="anna")

    def done() -> int:
        asked.refresh_from_db()
        return asked.done

    wait_for(lambda: done() > 100, what="the action to be under way", every=0.01)
    assert asked.finished_at is None
    killed.kill()
    wait_for(lambda: done() and asked.finished_at, what="the end of the action", timeout=60)
    assert other.is_running
    assert (asked.done, asked.refused) == (600, 0)
    asked_for = TaskRun.objects.filter(requested_by="anna")
    assert Counter(asked_for.values_list("job_id", flat=True)) == Counter(ids)
    wait_for(lambda: not asked_for.filter(state=State.PENDING).exists(), what="all to be published", timeout=30)
    ticks = runs_of("ticks", scheduled_at__gt=asked.created_at)
    late = [(run.created_at - run.scheduled_at).total_seconds() for run in ticks]
    assert late and max(late) < 1.0, late


@contextmanager
def held(rows: QuerySet[Any]) -> Iterator[None]:
    """Inside, somebody else holds these rows."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one lock for all")
    holding, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            assert list(rows.select_for_update())
            holding.set()
            let_go.wait(30)
        connection.close()

    holder = threading.Thread(target=hold)
    holder.start()
    assert holding.wait(10)
    try:
        yield
    finally:
        let_go.set()
        holder.join()


def carry_on() -> bool:
    return carry_out(lambda: False, lambda new: None)


def test_an_object_that_somebody_holds_is_done_later_and_holds_up_no_other(database: None) -> None:
    ids = add_many(3)
    asked = bulk.start("pause", ids, by="anna")
    with held(DjangoJob.objects.filter(id=ids[1])):
        started = time.monotonic()
        assert carry_on()
        assert not carry_on()  # nothing but that one is left: it is tried again in a second
        assert time.monotonic() - started < 5
        asked.refresh_from_db()
        assert (asked.done, asked.refused, asked.finished_at) == (2, 0, None)
        assert [part.ids for part in BulkPart.objects.all()] == [[ids[1]]]
    assert carry_on()
    asked.refresh_from_db()
    assert asked.done == 3 and asked.finished_at is not None


def test_a_part_that_another_scheduler_is_at_is_passed_over(database: None) -> None:
    ids = [f"gone-{number:03}" for number in range(2 * bulk.PART)]
    asked = bulk.start("pause", ids, by="anna")
    first, second = asked.parts.order_by("id")
    with held(BulkPart.objects.filter(id=first.id)):
        assert carry_on()
        assert list(asked.parts.all()) == [first]
        assert not carry_on()
        asked.refresh_from_db()
        assert (asked.refused, asked.finished_at) == (bulk.PART, None)
    assert carry_on()
    asked.refresh_from_db()
    assert asked.refused == 2 * bulk.PART and asked.finished_at is not None
    assert second.ids == ids[bulk.PART :]
