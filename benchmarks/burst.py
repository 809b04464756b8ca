"""Burst: many jobs are due in the same second; how long until the last message is in the broker, with one scheduler."""

from __future__ import annotations

import logging
import os
import statistics
import sys
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, TextIO

from django.db import connection, transaction
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from benchmarks.servers import Where
from scheduler import add_job, clock
from scheduler.models import ScheduledTask, TaskRun
from tests.cluster import ROOT
from tests.programs import Program
from tests.waiting import wait_for

TASK = "tasks.print_time"
LONGEST = 900.0
START_SECONDS = 10


def measure(where: Where, *, jobs: int, rounds: int) -> dict[str, Any]:
    """Measure every system `rounds` times, one after the other in each round, and return seconds and ratios."""
    systems: dict[str, Callable[[Where, int], float]] = {"limit": limit, "tickwork": tickwork, "stock": stock}
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(rounds):
        for name, run in systems.items():
            empty(where)
            seconds[name].append(run(where, jobs))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    return {
        "benchmark": "burst",
        "jobs": jobs,
        "seconds": seconds,
        "median": median,
        "times_as_fast_as_stock": median["stock"] / median["tickwork"],
        "share_of_the_limits_speed": median["limit"] / median["tickwork"],
    }


def show(found: dict[str, Any], out: TextIO) -> None:
    """Print the medians with their spread, and the ratios."""
    print(f"burst: {found['jobs']} jobs due at once, until the last message is in the broker", file=out)
    for name, values in found["seconds"].items():
        spread = f"{min(values):.2f}–{max(values):.2f}"
        print(f"  {name:<10} {found['median'][name]:8.2f} s   ({spread})", file=out)
    print(f"  {found['times_as_fast_as_stock']:.1f} × stock django-apscheduler", file=out)
    print(f"  {found['share_of_the_limits_speed']:.2f} × the limit's speed", file=out)


def empty(where: Where) -> None:
    for model in (TaskRun, DjangoJobExecution, ScheduledTask, DjangoJob):
        model.objects.all().delete()
    with where.valkey.client() as client:
        client.flushall()


def tickwork(where: Where, jobs: int) -> float:
    """Our scheduler process, over jobs that came due a moment ago."""
    with transaction.atomic():
        for number in range(jobs):
            add_job(TASK, "interval", id=f"job-{number}", hours=1)
    due = soon(0)
    DjangoJob.objects.update(next_run_time=due)
    program = start(where, ["manage.py", "runscheduler", "--no-sync"])
    try:
        wait_for(lambda: "Scheduler started" in program.output, what="the scheduler", timeout=60)
        return until_sent(where, "default", jobs, due)
    finally:
        program.end()


def stock(where: Where, jobs: int) -> float:
    """Stock django-apscheduler, whose job function calls `.delay()` from its thread pool."""
    from tests.faults.stock import program as stock_program

    os.environ["BROKER_URL"] = where.env["BROKER_URL"]
    due = soon(jobs)
    store_stock_jobs(stock_program.enqueue, jobs, due)
    program = start(where, ["-m", "tests.faults.stock.program"])
    try:
        wait_for(lambda: "Scheduler started" in program.output, what="the stock scheduler", timeout=60)
        return until_sent(where, "stock", jobs, due)
    finally:
        program.kill(group=True)


def store_stock_jobs(enqueue: Any, jobs: int, due: datetime) -> None:
    """Store jobs as stock django-apscheduler does, through a paused scheduler; it plans from the time in the pickle."""
    from apscheduler.schedulers.background import BackgroundScheduler
    from django_apscheduler.jobstores import DjangoJobStore

    logging.getLogger("apscheduler").setLevel(logging.WARNING)
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"misfire_grace_time": 3600})
    scheduler.add_jobstore(DjangoJobStore(), "default")
    scheduler.start(paused=True)
    for number in range(jobs):
        arguments = {"job_id": f"job-{number}", "ledger": "/dev/null"}
        scheduler.add_job(enqueue, "interval", hours=1, id=f"job-{number}", kwargs=arguments, next_run_time=due)
    scheduler.shutdown()


def limit(where: Where, jobs: int) -> float:
    """The same rows by raw SQL in the same batch sizes, and prebuilt messages of the same size in one pipeline."""
    runs, executions = TaskRun._meta.db_table, DjangoJobExecution._meta.db_table
    with transaction.atomic():
        DjangoJob.objects.bulk_create(
            [DjangoJob(id=f"job-{number}", next_run_time=clock.now(), job_state=b"x" * 400) for number in range(jobs)]
        )
    message = "x" * 900
    started = time.monotonic()
    with where.valkey.client() as client, connection.cursor() as cursor:
        for first in range(0, jobs, 500):
            count = min(500, jobs - first)
            with transaction.atomic():
                cursor.execute(
                    f"WITH due AS (UPDATE {DjangoJob._meta.db_table} SET next_run_time = now() + interval '1 hour'"
                    " WHERE id IN (SELECT id FROM django_apscheduler_djangojob WHERE next_run_time <= now()"
                    " ORDER BY next_run_time LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING id),"
                    f" noted AS (INSERT INTO {executions} (job_id, status, run_time)"
                    " SELECT id, 'Started execution', now() FROM due RETURNING id, job_id)"
                    f" INSERT INTO {runs} (id, job_id, execution_id, task, args, kwargs, queue, options, requested_by,"
                    " note, state,"
                    " reason, waiting, attempt, retries, scheduled_at, created_at, cancel_requested_by, worker,"
                    " exception, traceback) SELECT gen_random_uuid(), job_id, id, 'tasks.print_time', '[]', '{}', '',"
                    " '{}',"
                    " 'schedule', '', 'queued', '', false, 1, 0, now(), now(), '', '', '', '' FROM noted",
                    [count],
                )
            with client.pipeline(transaction=False) as pipe:
                for _ in range(count):
                    pipe.lpush("limit", message)
                pipe.execute()
    return time.monotonic() - started


def start(where: Where, arguments: list[str]) -> Program:
    """Start a Python program of the project."""
    log = where.folder / f"program-{time.monotonic_ns()}.log"
    env = {**os.environ, **where.env, "PYTHONUNBUFFERED": "1"}
    return Program([sys.executable, *arguments], name=arguments[-1], log=log, env=env, cwd=ROOT)


def soon(jobs: int) -> datetime:
    """Return a second in which all jobs can come due: when they are stored and the scheduler is up."""
    return clock.now().replace(microsecond=0) + timedelta(seconds=START_SECONDS + jobs // 100)


def until_sent(where: Where, queue: str, jobs: int, due: datetime) -> float:
    """Return the seconds from `due` until as many messages are in the broker."""
    assert clock.now() < due, "the scheduler was not up in time: raise START_SECONDS"
    with where.valkey.client() as client:
        wait_for(lambda: client.llen(queue) >= jobs, what=f"{jobs} messages", timeout=LONGEST, every=0.01)
    return (clock.now() - due).total_seconds()
