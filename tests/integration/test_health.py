"""Health: each trouble that it knows is caused for real, and both `manage.py schedulerhealth` and /healthz tell it."""

from __future__ import annotations

import json
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock, conf, run_job
from scheduler.health import check_health
from scheduler.models import State, TaskRun
from tests.cluster import Cluster
from tests.conftest import DATABASE, _postgres
from tests.faults.proxy import Proxy
from tests.programs import Program, free_port
from tests.servers import Valkey
from tests.waiting import stays_true, wait_for

NOTHING = "tests.app.tasks.do_nothing"
OPTIONS = {"HEALTH_WINDOW": 3.0, "LOST_AFTER": 20.0, "REPUBLISH_AFTER": 1.0, "BROKER_TIMEOUT": 8.0}
LONGEST_ANSWER = 8.0
"""Seconds within which health answers, whatever hangs; a monitor asks a few times a minute."""

Told = dict[str, str]
"""The codes of the problems, each with its text."""


class Health:
    """The two ways to ask, in processes of their own; the lines to database and broker may be cut."""

    def __init__(self, cluster: Cluster, valkey: Valkey) -> None:
        self.cluster = cluster
        self.broker = Proxy(valkey.port)
        self.database = Proxy(_postgres.port) if _postgres is not None else None
        self.env = {"BROKER_URL": f"redis://127.0.0.1:{self.broker.port}/0", "TEST_SCHEDULER": json.dumps(OPTIONS)}
        if _postgres is not None and self.database is not None:
            self.env["DATABASE_URL"] = _postgres.url.replace(f":{_postgres.port}/", f":{self.database.port}/")
        self.port = free_port()
        cluster.env = self.env
        web = ["-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{self.port}", "--threads", "2"]
        self.web = cluster.start("web", web)
        wait_for(self.page, what="the web process to answer", timeout=30)

    def page(self) -> Told:
        """Ask /healthz."""
        started = time.monotonic()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=30) as answer:
                status, document = answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            status, document = error.code, json.load(error)
        assert time.monotonic() - started < LONGEST_ANSWER
        assert status == (200 if document["healthy"] else 503)
        return {problem["code"]: problem["text"] for problem in document["problems"]}

    def command(self) -> Told:
        """Ask `manage.py schedulerhealth`."""
        started = time.monotonic()
        said = self.cluster.manage("schedulerhealth", "--json", **self.env)
        assert time.monotonic() - started < LONGEST_ANSWER + 5, "the command starts slowly, or waits too long"
        document = json.loads(said.stdout)
        assert said.returncode == (0 if document["healthy"] else 1), said.stderr
        return {problem["code"]: problem["text"] for problem in document["problems"]}

    def becomes(self, *codes: str, timeout: float = 20) -> Told:
        """Wait until the page tells exactly these problems, and see the command tell them too."""
        wait_for(lambda: set(self.page()) == set(codes), what=lambda: f"{codes}, got {self.page()}", timeout=timeout)
        told: Told = {}

        def command_agrees() -> bool:
            told.clear()
            told.update(self.command())
            return set(told) == set(codes)

        wait_for(command_agrees, what=lambda: f"the command to tell {codes}, not {told}", timeout=LONGEST_ANSWER)
        return told

    def scheduler(self) -> Program:
        return self.cluster.scheduler(**OPTIONS)

    def worker(self, queues: str = "default") -> Program:
        return self.cluster.worker(queues, **OPTIONS)

    def close(self) -> None:
        self.broker.set("pass")
        if self.database is not None:
            self.database.set("pass")
        self.cluster.end()
        self.broker.close()
        if self.database is not None:
            self.database.close()


@pytest.fixture
def health(cluster: Cluster, broker: Valkey) -> Iterator[Health]:
    health = Health(cluster, broker)
    yield health
    health.close()


def add_hourly(job_id: str = "hourly", **options: Any) -> None:
    add_job(NOTHING, "interval", hours=1, id=job_id, **options)


def test_a_service_that_works_is_healthy(health: Health) -> None:
    health.scheduler()
    health.worker()
    add_hourly()
    assert health.becomes() == {}


def test_no_scheduler_is_told(health: Health) -> None:
    assert health.becomes("scheduler") == {"scheduler": "No scheduler runs"}
    scheduler = health.scheduler()
    health.becomes()
    scheduler.terminate()
    health.becomes("scheduler")


def test_no_complete_pass_lately_is_told(health: Health) -> None:
    scheduler = health.scheduler()
    health.becomes()
    scheduler.signal(signal.SIGSTOP)
    told = health.becomes("pass")
    assert told["pass"] == "No scheduler has completed a pass for 3 s"
    scheduler.signal(signal.SIGCONT)
    health.becomes()


def test_one_scheduler_that_hangs_beside_one_that_works_is_no_trouble(health: Health) -> None:
    stopped = health.scheduler()
    health.scheduler()
    stopped.signal(signal.SIGSTOP)
    time.sleep(OPTIONS["HEALTH_WINDOW"] + 1)
    assert health.page() == {}
    stopped.signal(signal.SIGCONT)


def test_a_due_job_that_nobody_fires_is_told(health: Health) -> None:
    health.worker()
    add_job(NOTHING, "date", id="late", run_date=clock.now() + timedelta(seconds=1))
    told = health.becomes("scheduler", "overdue")
    assert told["overdue"] == "1 job is due and not fired"
    health.scheduler()
    health.becomes()


def test_a_due_job_that_somebody_has_locked_is_told(health: Health) -> None:
    if DATABASE != "postgres":
        pytest.skip("SQLite locks no rows")

    health.scheduler()
    health.worker()
    add_job(NOTHING, "interval", seconds=1, id="locked")
    assert _postgres is not None
    with psycopg.connect(_postgres.url) as mine:
        mine.execute("SELECT 1 FROM django_apscheduler_djangojob FOR UPDATE")
        health.becomes("overdue")
    health.becomes()


def test_pending_runs_that_pile_up_while_the_broker_is_away_are_told(health: Health) -> None:
    health.scheduler()
    health.worker()
    add_job(NOTHING, "interval", seconds=1, id="each", overlap="allow")
    health.becomes()
    health.broker.set("refuse")
    told = health.becomes("broker", "pending", timeout=30)
    assert told["pending"].endswith("for the broker")
    health.broker.set("pass")
    health.becomes(timeout=40)


def test_a_queue_that_no_worker_listens_on_is_told(health: Health) -> None:
    health.scheduler()
    add_hourly("ordinary")
    add_hourly("special", queue="reports")
    add_hourly("gone", queue="nobody")
    DjangoJob.objects.filter(id="gone").update(next_run_time=None)
    told = health.becomes("worker")
    assert told["worker"].startswith("No worker listens on queue ")
    worker = health.worker("default,reports")
    health.becomes()
    worker.terminate()
    health.becomes("worker")


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole"])
def test_a_broker_out_of_reach_is_told_in_time(health: Health, mode: Any) -> None:
    health.scheduler()
    health.becomes()
    health.broker.set(mode)
    told = health.becomes("broker")
    assert told["broker"].startswith("The broker is out of reach: ")
    stays_true(lambda: set(health.page()) == {"broker"}, seconds=10, what="passes that no broker holds up")
    health.broker.set("pass")
    health.becomes(timeout=30)


@pytest.mark.parametrize("mode", ["refuse", "reset", "blackhole"])
def test_a_database_out_of_reach_is_told_in_time(health: Health, mode: Any) -> None:
    if health.database is None:
        pytest.skip("needs TEST_DATABASE=postgres")
    health.scheduler()
    health.becomes()
    health.database.set(mode)
    told = health.becomes("database", timeout=30)
    assert told["database"].startswith("The database is out of reach: ")
    health.database.set("pass")
    health.becomes(timeout=40)


def test_a_database_that_goes_silent_on_open_connections_is_told_in_time(health: Health) -> None:
    if health.database is None:
        pytest.skip("needs TEST_DATABASE=postgres")
    health.scheduler()
    for _ in range(4):
        health.page()  # each of the web process's threads has its connection open
    health.database.set("blackhole")
    for _ in range(3):
        assert set(health.page()) == {"database"}
    health.database.mode = "pass"
    health.becomes(timeout=40)


def test_a_database_file_that_is_gone_is_told(health: Health, tmp_path: Path) -> None:
    if health.database is not None:
        pytest.skip("needs TEST_DATABASE=sqlite")
    health.env["DATABASE_URL"] = f"sqlite:///{tmp_path}/empty.sqlite3"
    assert set(health.command()) == {"database"}


def test_fifty_jobs_need_no_more_queries_than_one(database: None, broker: Valkey) -> None:
    def add(count: int, prefix: str) -> None:
        for number in range(count):
            add_hourly(f"{prefix}-{number}", queue=f"queue-{number % 10}")

    add(1, "first")
    with CaptureQueriesContext(connection) as few:
        check_health()
    add(50, "more")
    for number in range(20):
        run_job(f"more-{number}")
    TaskRun.objects.filter(state=State.QUEUED).update(state=State.PENDING)
    DjangoJob.objects.update(next_run_time=clock.now() - timedelta(seconds=conf.get("HEALTH_WINDOW") + 1))
    with CaptureQueriesContext(connection) as many:
        problems = check_health()
    assert len(many) == len(few)
    assert {problem.code for problem in problems} == {"scheduler", "overdue", "worker"}
