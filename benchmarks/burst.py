"""Burst: many jobs are due in the same second; how long until the last message is in the broker, with one scheduler."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from functools import partial

from django.db import connection, transaction
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from benchmarks import cpu, programs
from benchmarks.measuring import Bars, Found, Judged, Measures, System, alternate, ratios
from benchmarks.programs import PEERS, empty, fill_peer, peer, soon, store_jobs
from benchmarks.servers import Where
from scheduler import clock
from scheduler.models import ScheduledTask, TaskRun
from tests.cluster import ROOT
from tests.programs import Program
from tests.waiting import wait_for

TITLE = "jobs due in the same second, until the last message is in the broker"
LONGEST = 900.0
BATCH = 500
MESSAGE_BYTES = 900


def measure(where: Where, *, jobs: int, rounds: int, peers: bool = True) -> Found:
    """Measure the limit, our scheduler over three kinds of jobs, and the peers."""
    systems: dict[str, System] = {
        "limit": partial(limit, where, jobs),
        "Tickwork": partial(tickwork, where, jobs, "interval"),
        "Tickwork, cron": partial(tickwork, where, jobs, "cron"),
        "Tickwork, mix": partial(tickwork, where, jobs, "mix"),
    }
    if peers:
        systems |= {
            "celery-redbeat": partial(redbeat, where, jobs),
            "django-apscheduler": partial(stock, where, jobs),
            "django-celery-beat": partial(beat, where, jobs),
            "procrastinate": partial(procrastinate, where, jobs),
        }
    found = alternate(systems, rounds)
    ours = found["Tickwork"]["seconds"]
    bars = [
        ("limit", "share of the limit's speed", None, 0.5),
        ("celery-redbeat", "times as fast as celery-redbeat", 2.5, 4.0),
        ("django-apscheduler", "times as fast as stock django-apscheduler", 12.0, None),
        ("django-celery-beat", "times as fast as django-celery-beat", 40.0, None),
        ("procrastinate", "times as fast as procrastinate's periodic jobs", None, None),
    ]
    judged = [
        Judged(what, ratios(found[name]["seconds"], ours), required, aim, unit="×")
        for name, what, required, aim in bars
        if name in found
    ]
    shared = [limit / own for limit, own in zip(found["limit"]["cpu"], found["Tickwork"]["cpu"], strict=True)]
    judged.append(Judged("share of the limit's CPU", shared, unit="×"))
    rows = {name: measures["seconds"] for name, measures in found.items()}
    chart = Bars(f"{jobs:,} {TITLE}", "s", rows, logarithmic=True)
    return Found("burst", TITLE, {"jobs": jobs, "rounds": rounds}, found, judged, chart)


def tickwork(
    where: Where, jobs: int, kind: str, schedulers: int = 1, history: Callable[[], None] | None = None
) -> Measures:
    """Our schedulers, over jobs that come due when all are up.

    :param history: writes what is in the tables before
    """
    empty(where)
    if history is not None:
        history()
    due = soon(8 + 4 * schedulers + jobs / 4000)
    store_jobs(jobs, due, kind)
    _analyze()
    with ExitStack() as stack:
        started = [stack.enter_context(programs.scheduler(where)) for _ in range(schedulers)]
        return _until_sent(where, "default", jobs, due, started)


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
            return _measured(where, lambda: rows("SELECT count(*) FROM procrastinate_jobs"), jobs, due, [program])


def limit(where: Where, jobs: int) -> Measures:
    """The same rows by raw SQL in the same batch sizes, and prebuilt messages of the same size in one pipeline."""
    empty(where)
    store_jobs(jobs, clock.now())
    _analyze()
    message = "x" * MESSAGE_BYTES
    pids = [os.getpid(), *where.servers]
    before, started = cpu.spent(pids), time.monotonic()
    with where.valkey.client() as client, connection.cursor() as cursor:
        for first in range(0, jobs, BATCH):
            count = min(BATCH, jobs - first)
            with transaction.atomic():
                cursor.execute(LIMIT, [count])
            with client.pipeline(transaction=False) as pipe:
                for _ in range(count):
                    pipe.lpush("limit", message)
                pipe.execute()
    seconds = time.monotonic() - started
    return {"seconds": seconds, "cpu": (cpu.spent(pids) - before) / jobs * 1000}


LIMIT = f"""
    WITH due AS (
        UPDATE {DjangoJob._meta.db_table} SET next_run_time = now() + interval '1 hour' WHERE id IN (
            SELECT id FROM {DjangoJob._meta.db_table} WHERE next_run_time <= now()
            ORDER BY next_run_time LIMIT %s FOR UPDATE SKIP LOCKED
        ) RETURNING id
    ), noted AS (
        INSERT INTO {DjangoJobExecution._meta.db_table} (job_id, status, run_time)
        SELECT id, 'Started execution', now() FROM due RETURNING id, job_id
    )
    INSERT INTO {TaskRun._meta.db_table} (
        id, job_id, execution_id, task, args, kwargs, queue, options, requested_by, note, state, reason, waiting,
        attempt, retries, scheduled_at, created_at, cancel_requested_by, worker, exception, traceback
    ) SELECT
        gen_random_uuid(), job_id, id, 'bench.nothing', '[]', '{{}}', '', '{{}}', 'schedule', '', 'queued', '', false,
        1, 0, now(), now(), '', '', '', ''
    FROM noted
"""


def _analyze() -> None:
    """Let PostgreSQL know the jobs. Not the empty tables: it would look up foreign keys in them by reading all rows."""
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {DjangoJob._meta.db_table}")
        cursor.execute(f"ANALYZE {ScheduledTask._meta.db_table}")


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
        return _until_sent(where, "peers", jobs, due, [program])


def _until_sent(where: Where, queue: str, jobs: int, due: datetime, started: list[Program]) -> Measures:
    with where.valkey.client() as client:
        lists = [queue, *(f"{queue}\x06\x16{step}" for step in (3, 6, 9))]  # one for each step of priority
        return _measured(where, lambda: sum(int(client.llen(name)) for name in lists), jobs, due, started)


def _measured(where: Where, count: Callable[[], int], jobs: int, due: datetime, started: list[Program]) -> Measures:
    """Watch the messages arrive from `due` on: seconds until the last, lateness of the median, CPU per 1,000."""
    early = (due - clock.now()).total_seconds()
    assert early > 0, "the program was not up in time: wait longer before the jobs are due"
    time.sleep(max(0.0, early - 0.05))
    pids = [*(program.pid for program in started), *where.servers]
    assert count() == 0, "jobs fired before they were due"
    before, half = cpu.spent(pids), None
    deadline = time.monotonic() + LONGEST
    while (sent := count()) < jobs:
        if half is None and sent >= jobs / 2:
            half = _since(due)
        assert time.monotonic() < deadline, f"only {sent} of {jobs}: {started[0].output[-2000:]}"
        assert all(program.is_running for program in started), started[0].output[-2000:]
        time.sleep(0.01)
    seconds = _since(due)
    spent = cpu.spent(pids) - before
    return {"seconds": seconds, "half": half or seconds, "cpu": spent / jobs * 1000}


def _since(due: datetime) -> float:
    return (clock.now() - due).total_seconds()


def peers_table(where: Where) -> AbstractContextManager[Callable[[str], int]]:
    """Make procrastinate's tables anew, and return what counts in them."""
    return _PeersTable(where)


class _PeersTable:
    def __init__(self, where: Where) -> None:
        self.where = where

    def __enter__(self) -> Callable[[str], int]:
        import psycopg

        self.connection = psycopg.connect(self.where.env["PEERS_DATABASE"], autocommit=True)
        self.connection.execute("DROP SCHEMA public CASCADE")
        self.connection.execute("CREATE SCHEMA public")
        env = {**os.environ, **self.where.env}
        command = [PEERS, "-m", "procrastinate", "--app=benchmarks.peers.periodic.app", "schema", "--apply"]
        subprocess.run(command, check=True, cwd=ROOT, env=env, capture_output=True)
        return lambda sql: self.connection.execute(sql).fetchone()[0]  # type: ignore[index]

    def __exit__(self, *_: object) -> None:
        self.connection.close()
