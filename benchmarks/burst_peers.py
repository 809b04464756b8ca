"""The peers in a burst: the same jobs in their own ways, due in the same second, with one scheduler."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial

import psycopg

from benchmarks.arriving import measured, until_sent
from benchmarks.measuring import Measures
from benchmarks.programs import PEERS, empty, fill_peer, peer, soon
from benchmarks.servers import Where
from tests.cluster import ROOT
from tests.waiting import wait_for

PATIENCE = 300.0
"""Seconds that a peer gets, many times what we take; one that is not done by then is given up, and that is told."""


def stock(where: Where, jobs: int) -> Measures:
    """Stock django-apscheduler, whose job function calls `.delay()` from its thread pool."""
    due = _filled(where, "stock", jobs, per_second=60)
    return _peer(where, jobs, due, "Scheduler started", "-m", "benchmarks.peers.stock")


def beat(where: Where, jobs: int) -> Measures:
    """celery beat with django-celery-beat."""
    due = _filled(where, "beat", jobs, per_second=150)
    scheduler = "django_celery_beat.schedulers:DatabaseScheduler"
    return _peer(where, jobs, due, "maxinterval ->", *_beat("-S", scheduler))


def redbeat(where: Where, jobs: int) -> Measures:
    """celery beat with celery-redbeat, which records no runs."""
    due = _filled(where, "redbeat", jobs, per_second=150)
    return _peer(where, jobs, due, "maxinterval ->", *_beat("-S", "redbeat.RedBeatScheduler"))


def procrastinate(where: Where, jobs: int) -> Measures:
    """procrastinate's periodic jobs, until the last is in its table: the database is its broker."""
    empty(where)
    due = soon(12 + jobs / 500)
    env = {"PERIODIC_JOBS": str(jobs), "PERIODIC_CRON": f"{due.minute} {due.hour} * * * {due.second}", "TZ": "UTC"}
    with peers_table(where) as rows:
        command = ("-m", "procrastinate", "--app=benchmarks.peers.periodic.app", "worker", "--queues=nobody")
        with peer(where, *command, **env) as program:
            wait_for(lambda: "Starting worker" in program.output, what=lambda: program.output[-2000:], timeout=300)
            sent = partial(rows, "SELECT count(*) FROM procrastinate_jobs")
            return measured(where, sent, jobs, due, [program], PATIENCE)


def _filled(where: Where, kind: str, jobs: int, *, per_second: float) -> datetime:
    """Store a peer's jobs, due when the peer is up; `per_second` is what it stores and loads at least."""
    empty(where)
    due = soon(15 + jobs / per_second)
    fill_peer(where, kind, jobs, due)
    return due


def _beat(*more: str) -> list[str]:
    return ["-m", "celery", "-A", "benchmarks.peers.celery", "beat", "-l", "INFO", "-s", "/dev/null", *more]


def _peer(where: Where, jobs: int, due: datetime, ready: str, *command: str) -> Measures:
    with peer(where, *command) as program:
        wait_for(lambda: ready in program.output, what=lambda: program.output[-2000:], timeout=300)
        return until_sent(where, "peers", jobs, due, [program], patience=PATIENCE)


@contextmanager
def peers_table(where: Where) -> Iterator[Callable[[str], int]]:
    """Make procrastinate's tables anew, and give what counts in them."""
    with psycopg.connect(where.env["PEERS_DATABASE"], autocommit=True) as server:
        server.execute("DROP SCHEMA public CASCADE")
        server.execute("CREATE SCHEMA public")
        command = [str(PEERS), "-m", "procrastinate", "--app=benchmarks.peers.periodic.app", "schema", "--apply"]
        subprocess.run(command, check=True, cwd=ROOT, env={**os.environ, **where.env}, capture_output=True)
        yield lambda sql: server.execute(sql).fetchone()[0]  # type: ignore[index]
