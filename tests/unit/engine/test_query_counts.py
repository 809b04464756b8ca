"""How many statements each hot path sends to the database, for one run and for very many: they must not grow unseen."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_apscheduler.models import DjangoJob

from scheduler import clock, processes, publishing, runs, triggers
from scheduler.db import execute
from scheduler.engine import service
from scheduler.engine.line import release_waiting
from scheduler.engine.passes import plan_due
from scheduler.jobstate import dump_state
from scheduler.known_tasks import KnownTasks
from scheduler.models import ScheduledTask, ServiceProcess, State, TaskRun
from scheduler.publishing import Publisher
from scheduler.runs import Outcome
from tests.servers import Valkey

pytestmark = pytest.mark.django_db

TASK = "tests.app.tasks.do_nothing"
POSTGRES = connection.vendor == "postgresql"
MANY = pytest.mark.parametrize("count", [1, 120])


def statements(work: Callable[[], object]) -> list[str]:
    """Return what `work` sends, without the borders of transactions and what a connection is told once."""
    with CaptureQueriesContext(connection) as queries:
        work()
    borders = ("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT", "SELECT set_config")
    return [query["sql"] for query in queries if not query["sql"].startswith(borders)]


def add_due_jobs(count: int, **fields: Any) -> None:
    due = clock.now() - timedelta(seconds=1)
    trigger = triggers.IntervalTrigger(hours=1, start_date=due, timezone="UTC")
    tasks = [ScheduledTask(job_id=f"job-{number}", task=TASK, **fields) for number in range(count)]
    DjangoJob.objects.bulk_create(
        [DjangoJob(id=task.job_id, next_run_time=due, job_state=dump_state(task, trigger, due)) for task in tasks]
    )
    ScheduledTask.objects.bulk_create(tasks)


def planned(count: int) -> list[TaskRun]:
    add_due_jobs(count)
    new = plan_due(clock.now(), KnownTasks(), limit=500).new
    assert len(new) == count
    return new


@MANY
def test_a_transaction_of_a_pass_claims_counts_writes_and_moves_on(count: int) -> None:
    add_due_jobs(count)
    known = KnownTasks()
    sent = statements(lambda: plan_due(clock.now(), known, limit=500))
    assert TaskRun.objects.count() == count
    if POSTGRES:  # claim with the jobs, live runs, both tables at once, next run times
        assert len(sent) == 4, sent
    else:  # SQLite takes a limited number of values in one statement, and moves jobs on one by one
        assert len(sent) <= 5 + count // 20 + count, sent


@MANY
def test_what_is_not_due_costs_a_pass_one_look(count: int) -> None:
    add_due_jobs(count)
    DjangoJob.objects.update(next_run_time=clock.now() + timedelta(hours=1))
    known = KnownTasks()
    assert len(statements(lambda: plan_due(clock.now(), known, limit=500))) == 1


@MANY
def test_the_rest_of_a_pass_is_the_same_for_any_number_of_jobs(count: int) -> None:
    add_due_jobs(count)
    DjangoJob.objects.update(next_run_time=clock.now() + timedelta(hours=1))
    assert len(statements(lambda: release_waiting(clock.now()))) == 1
    assert len(statements(lambda: service.look_ahead(clock.now()))) == 1
    assert len(statements(lambda: runs.take_unpublished(clock.now(), 500))) == 1


@MANY
def test_publishing_notes_a_batch_in_one_statement(valkey: Valkey, count: int) -> None:
    new, publisher = planned(count), Publisher(5)
    try:
        sent = statements(lambda: publishing.publish(publisher, new))
    finally:
        publisher.close()
    assert len(sent) == 1, sent
    assert TaskRun.objects.filter(state=State.QUEUED).count() == count


@MANY
def test_what_was_left_behind_is_taken_in_two_statements(count: int) -> None:
    planned(count)
    taken: list[TaskRun] = []
    later = clock.now() + timedelta(minutes=1)
    sent = statements(lambda: taken.extend(runs.take_unpublished(later, 500)))
    assert (len(taken), len(sent)) == (count, 2)


def test_an_attempt_is_claimed_in_one_statement_and_ended_in_one_or_two() -> None:
    [run] = planned(1)

    def claim() -> None:
        assert runs.claim(
            connection, str(run.id), 1, TASK, worker="w", process=uuid.uuid4(), pid=1, now=clock.now()
        )  # fmt: skip

    def finish() -> None:
        assert runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS, result="1"))

    assert len(statements(claim)) == 1
    assert len(statements(finish)) == (1 if POSTGRES else 2)


def test_an_attempt_is_planned_again_in_one_statement() -> None:
    [run] = planned(1)
    runs.claim(connection, str(run.id), 1, TASK, worker="w", process=uuid.uuid4(), pid=1, now=clock.now())
    outcome = Outcome(State.RETRYING, retry_at=clock.now())
    assert len(statements(lambda: runs.finish(connection, str(run.id), 1, outcome))) == 1


@MANY
def test_a_heartbeat_costs_two_statements(count: int) -> None:
    for number in range(count):
        processes.beat(processes.ThisProcess(ServiceProcess.Kind.WORKER, f"w{number}@host"))
    this = processes.ThisProcess(ServiceProcess.Kind.SCHEDULER, "s@host")
    processes.beat(this)
    assert len(statements(lambda: processes.beat(this, passed=True))) == 2


def test_statements_are_counted() -> None:
    assert len(statements(lambda: [execute(connection, "SELECT 1") for _ in range(3)])) == 3
