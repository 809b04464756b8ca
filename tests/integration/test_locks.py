"""Rows that somebody else holds, and transactions that fall silent: each costs only itself."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection

from scheduler import add_job, clock, reach, runs
from scheduler.db import close_own_connection, own_connection
from scheduler.engine import recovery
from scheduler.engine.passes import plan_due
from scheduler.known_tasks import KnownTasks
from scheduler.lookup import get_job
from scheduler.models import LIVE, State, TaskRun
from tests.servers import Postgres
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db(transaction=True)
WORK = "tests.app.tasks.add"


@pytest.fixture
def stranger(postgres: Postgres) -> Iterator[psycopg.Connection]:
    """Somebody else's connection, in a transaction that the test ends."""
    with psycopg.connect(postgres.url) as theirs:
        yield theirs
        theirs.rollback()


@pytest.fixture(autouse=True)
def impatient() -> Iterator[None]:
    """Nothing here may wait for a lock: what does gets an error at once."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET lock_timeout = '1s'")
    yield
    connection.close()


def hold(theirs: psycopg.Connection, run: TaskRun) -> None:
    assert theirs.execute("SELECT id FROM scheduler_taskrun WHERE id = %s FOR UPDATE", [run.id]).fetchone()


def make_run(job_id: str, state: State, **fields: Any) -> TaskRun:
    add_job(WORK, "interval", hours=1, id=job_id, args=[1, 2], overlap="replace")
    long_ago = clock.now() - timedelta(hours=1)
    run = runs.new_run(get_job(job_id), long_ago, now=long_ago)
    runs.insert([run])
    times = {"queued_at": long_ago, "started_at": long_ago if state == State.RUNNING else None, "publish_at": None}
    TaskRun.objects.filter(id=run.id).update(state=state, **{**times, **fields})
    run.refresh_from_db()
    return run


def states(*job_ids: str) -> list[str]:
    return [TaskRun.objects.get(job_id=job_id).state for job_id in job_ids]


def test_a_lost_run_whose_row_is_held_is_given_up_later_and_holds_up_no_other(stranger: psycopg.Connection) -> None:
    held, free = (make_run(job_id, State.RUNNING, process=uuid.uuid4()) for job_id in ("held", "free"))
    hold(stranger, held)
    assert recovery.give_up_lost_runs() == 1
    assert states("held", "free") == [State.RUNNING, State.LOST]
    stranger.rollback()
    assert recovery.give_up_lost_runs() == 1
    assert states("held", "free") == [State.LOST, State.LOST]
    assert free.id != held.id


def test_an_expired_run_whose_row_is_held_ends_later_and_holds_up_no_other(stranger: psycopg.Connection) -> None:
    past = clock.now() - timedelta(minutes=1)
    held, _free = (make_run(job_id, State.QUEUED, expires_at=past) for job_id in ("held", "free"))
    hold(stranger, held)
    assert recovery.expire_overdue() == 1
    assert states("held", "free") == [State.QUEUED, State.EXPIRED]


def test_a_lost_message_whose_run_is_held_is_sent_later_and_holds_up_no_other(stranger: psycopg.Connection) -> None:
    held, free = (make_run(job_id, State.QUEUED) for job_id in ("held", "free"))
    hold(stranger, held)
    assert runs.republish([held.id, free.id], queued_before=clock.now()) == 1
    assert states("held", "free") == [State.QUEUED, State.PENDING]


def test_a_sent_run_whose_row_is_held_is_noted_later_and_holds_up_no_other(stranger: psycopg.Connection) -> None:
    held, free = (make_run(job_id, State.PENDING, publish_at=clock.now()) for job_id in ("held", "free"))
    hold(stranger, held)
    runs.mark_queued([held, free], at=clock.now())
    assert states("held", "free") == [State.PENDING, State.QUEUED]


def test_a_job_that_replaces_a_run_whose_row_is_held_stays_due_and_holds_up_no_other(
    stranger: psycopg.Connection,
) -> None:
    held, _free = (make_run(job_id, State.QUEUED) for job_id in ("held", "free"))
    due = clock.now() - timedelta(seconds=1)
    type(get_job("held").job).objects.update(next_run_time=due)
    hold(stranger, held)
    planned = plan_due(clock.now(), KnownTasks(), limit=500)
    assert [job_id for job_id, _ in planned.firings] == ["free"]
    assert get_job("held").job.next_run_time == due
    stranger.rollback()
    planned = plan_due(clock.now(), KnownTasks(), limit=500)
    assert [job_id for job_id, _ in planned.firings] == ["held"]
    assert set(TaskRun.objects.filter(job_id="held", state__in=LIVE).values_list("waiting", flat=True)) == {True}


@pytest.mark.usefixtures("postgres")
def test_the_server_ends_a_transaction_of_ours_that_has_fallen_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "IDLE_SECONDS", 0.2)
    close_own_connection()  # of an earlier test, whose limits are set
    run = make_run("a", State.RUNNING)
    ours = own_connection()
    with reach.limited(ours), ours.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT id FROM scheduler_taskrun WHERE id = %s FOR UPDATE", [run.id])

    def is_free() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM scheduler_taskrun WHERE id = %s FOR UPDATE SKIP LOCKED", [run.id])
            return cursor.fetchone() is not None

    try:
        wait_for(is_free, what="the row to be free", timeout=5)
    finally:
        ours.close()


@pytest.mark.usefixtures("postgres")
def test_a_statement_of_ours_gives_up_waiting_for_a_lock_on_the_server_too(stranger: psycopg.Connection) -> None:
    hold(stranger, make_run("a", State.RUNNING))
    close_own_connection()
    ours = own_connection()
    try:
        with reach.limited(ours, 1.0), pytest.raises(Exception, match="lock timeout"), ours.cursor() as cursor:
            cursor.execute("UPDATE scheduler_taskrun SET note = 'x'")
    finally:
        ours.close()
