"""Burst: many jobs are due in the same second; how long until the last message is in the broker, with one scheduler."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from django.db import connection, transaction
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from benchmarks import cpu, programs
from benchmarks.arriving import given_up, until_sent
from benchmarks.burst_peers import beat, procrastinate, redbeat, stock
from benchmarks.measuring import Bars, Found, Judged, Measures, System, alternate, ratios
from benchmarks.programs import empty, soon, store_jobs
from benchmarks.servers import Where
from scheduler import clock
from scheduler.models import ScheduledTask, TaskRun

TITLE = "jobs due in the same second, until the last message is in the broker"
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
    return Found("burst", TITLE, {"jobs": jobs, "rounds": rounds}, found, judged, chart, given_up(found))


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
        return until_sent(where, "default", jobs, due, started)


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
