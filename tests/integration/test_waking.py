"""On PostgreSQL a scheduler hears at once of what came to be due, in every process and in none too often."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from scheduler import add_job, clock, modify_job, pause_job, resume_job
from scheduler.engine.listening import Listener
from scheduler.lookup import get_job
from scheduler.models import TaskRun
from scheduler.waking import CHANNEL, wake_for
from tests.cluster import Cluster
from tests.runs import wait_for_runs
from tests.servers import Postgres
from tests.waiting import wait_for

pytestmark = pytest.mark.usefixtures("database")
WORK = "tests.app.tasks.add"


@pytest.fixture
def ear(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """A connection that hears what schedulers hear."""
    with psycopg.connect(postgres.url, autocommit=True) as theirs:
        theirs.execute(f"LISTEN {CHANNEL}")
        yield theirs


@pytest.fixture
def heard(postgres: Postgres) -> Iterator[threading.Semaphore]:
    """What a listener of the engine's counts up whenever it wakes its loop."""
    count = threading.Semaphore(0)
    listener = Listener(count.release)
    listener.start()
    assert count.acquire(timeout=10), "it looks once when it begins to listen"
    yield count
    listener.stop()
    wait_for(lambda: not listener._thread.is_alive(), what="the listener's end")


def words(ear: psycopg.Connection) -> int:
    """Count what was sent; `SELECT` fetches what has come."""
    ear.execute("SELECT 1")
    return sum(1 for _ in ear.notifies(timeout=0))


def far_off(job_id: str) -> Any:
    return add_job(WORK, "interval", hours=1, id=job_id, args=[1])


def test_what_is_due_at_once_is_told_when_its_transaction_commits(ear: psycopg.Connection) -> None:
    far_off("job")
    assert words(ear) == 0
    with transaction.atomic():
        modify_job("job", next_run_time=clock.now())
        assert words(ear) == 0
    assert words(ear) == 1
    add_job(WORK, "cron", second="*", id="each-second", args=[1])
    assert words(ear) == 1
    pause_job("each-second")
    assert words(ear) == 0
    resume_job("each-second")
    assert words(ear) == 1


def test_what_a_rollback_takes_back_or_what_is_far_off_is_not_told(ear: psycopg.Connection) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        add_job(WORK, "cron", second="*", id="never", args=[1])
        _ = 1 / 0
    far_off("job")
    modify_job("job", name="another name")
    modify_job("job", next_run_time=clock.now() + timedelta(minutes=5))
    wake_for(None)
    assert words(ear) == 0


def test_many_changes_in_one_transaction_wake_once(ear: psycopg.Connection) -> None:
    with transaction.atomic():
        for number in range(20):
            add_job(WORK, "cron", second="*", id=f"job-{number}", args=[1])
    assert words(ear) == 1


def test_a_listener_wakes_its_loop(heard: threading.Semaphore) -> None:
    wake_for(clock.now())
    assert heard.acquire(timeout=10)


def test_a_listener_whose_connection_was_ended_listens_anew_and_looks(heard: threading.Semaphore) -> None:
    for _ in range(2):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = %s", [f"LISTEN {CHANNEL}"]
            )
            assert cursor.rowcount == 1
        assert heard.acquire(timeout=10), "it may have missed something"
    wake_for(clock.now())
    assert heard.acquire(timeout=10)


def test_on_sqlite_nobody_listens() -> None:
    if connection.vendor == "postgresql":
        pytest.skip("is about SQLite")
    listener = Listener(lambda: None)
    listener.start()
    assert not listener._thread.is_alive()
    wake_for(clock.now())
    listener.stop()


def test_a_change_is_in_force_long_before_the_next_look(cluster: Cluster, postgres: Postgres) -> None:
    far_off("job")
    cluster.scheduler(POLL_INTERVAL=10)
    before = clock.now()
    for number in range(3):
        modify_job("job", next_run_time=clock.now())
        wait_for_runs("job", number + 1, timeout=30)
        wait_for(lambda: get_job("job").job.next_run_time > clock.now(), what="the next run time")
    took = TaskRun.objects.latest("created_at").created_at - before
    assert took < timedelta(seconds=10), "one look at least was waited for"
