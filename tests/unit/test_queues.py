"""Queues: what waits in them, who listens, and which of them nobody serves."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf, queues
from scheduler.health import check_health
from scheduler.models import ServiceProcess, State
from scheduler.processes import ThisProcess, beat
from tests.unit.admin.pages import make_job, make_run

pytestmark = pytest.mark.django_db


def worker(*names: str, **fields: Any) -> None:
    this = ThisProcess("worker", f"worker-{ServiceProcess.objects.count()}", queues=list(names))
    beat(this)
    ServiceProcess.objects.filter(id=this.id).update(**fields)


def scheduler(name: str, **broker: Any) -> None:
    this = ThisProcess("scheduler", name)
    this.info["broker"] = broker
    beat(this, passed=True)


def test_runs_that_nobody_has_started_are_counted_by_queue_with_the_age_of_the_oldest() -> None:
    make_run("a", State.QUEUED, ago=90, queue="long")
    oldest = make_run("a", State.QUEUED, ago=300, queue="long")
    make_run("b", State.PENDING, queue="long")
    make_run("b", State.PENDING, queue="long", waiting=True)
    make_run("c", State.QUEUED)
    make_run("c", State.RUNNING)
    make_run("c", State.SUCCESS)
    found = queues.waiting()
    assert set(found) == {"long", "default"}
    assert (found["long"].queued, found["long"].unsent, found["long"].oldest_at) == (2, 1, oldest.queued_at)
    assert (found["default"].queued, found["default"].unsent) == (1, 0)


def test_only_workers_that_are_alive_listen() -> None:
    worker("long", "default")
    worker("long")
    worker("gone", stopped_at=clock.now())
    worker("silent", heartbeat_at=clock.now() - timedelta(seconds=conf.get("LOST_AFTER") + 5))
    assert queues.listening() == {"long": 2, "default": 1}


def test_a_queue_is_deserted_if_a_job_that_will_fire_uses_it_and_nobody_listens() -> None:
    worker("default")
    make_job("a")
    make_job("b", queue="reports")
    make_job("over", queue="over", finished=True)
    make_job("paused", queue="paused", paused_at=clock.now())
    make_job("removed", queue="removed", removed_at=clock.now())
    assert queues.deserted_by(queues.listening()) == {"reports"}
    assert [(queue.name, queue.is_deserted) for queue in queues.all_queues()] == [("reports", True), ("default", False)]


def test_a_queue_in_which_runs_wait_is_deserted_though_no_job_uses_it_any_more() -> None:
    make_run("a", State.QUEUED, queue="old")
    assert [(queue.name, queue.is_deserted) for queue in queues.all_queues()] == [("old", True)]


def test_the_number_of_queries_depends_on_nothing() -> None:
    make_job("a", queue="q")
    with CaptureQueriesContext(connection) as few:
        queues.all_queues()
    for number in range(20):
        make_job(f"job-{number}", queue=f"queue-{number}")
        make_run(f"job-{number}", State.QUEUED, queue=f"other-{number}")
        worker(f"third-{number}")
    with CaptureQueriesContext(connection) as many:
        assert len(queues.all_queues()) == 61
    assert len(many) == len(few)


def test_the_newest_word_about_the_brokers_queues_counts() -> None:
    scheduler("one", depths={"default": 1})
    scheduler("two", depths={"default": 7})
    worker("default")
    assert queues.all_queues()[0].in_broker == 7
    assert queues.sounding().away == []


def test_health_knows_from_schedulers_that_the_broker_is_away_and_asks_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.health.broker_connection", None)
    scheduler("here", depths={})
    scheduler("there", depths=None, away_since=clock.now().isoformat())
    problems = {problem.code: problem.text for problem in check_health(ask_broker=False)}
    assert problems["broker"].startswith("The broker is out of reach: redis://") and "there" in problems["broker"]
    ServiceProcess.objects.filter(name="there").update(stopped_at=clock.now())
    assert check_health(ask_broker=False) == []


@pytest.mark.parametrize("info", [None, [], "x", {"broker": None}, {"broker": {"depths": 3, "away_since": None}}])
def test_a_process_that_says_something_else_of_itself_does_no_harm(info: Any) -> None:
    scheduler("odd")
    ServiceProcess.objects.update(info={} if info is None else info)
    assert queues.sounding() == queues.Sounding()


def test_the_command_for_a_queue_can_be_typed_as_it_stands() -> None:
    assert queues.worker_command("long") == "celery -A project worker -Q long"
    assert queues.worker_command("a b;c") == "celery -A project worker -Q 'a b;c'"


def test_processes_tell_their_versions() -> None:
    worker("default")
    info = ServiceProcess.objects.get().info
    assert {"tickwork", "celery", "python"} <= set(info)
