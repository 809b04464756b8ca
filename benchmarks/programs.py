"""Starts our programs and the peers', and stores jobs for them."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import psycopg
from django.db import connection
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from benchmarks.servers import Where
from scheduler import clock, triggers
from scheduler.engine.passes import plan_due
from scheduler.jobstate import dump_state
from scheduler.known_tasks import KnownTasks
from scheduler.models import ScheduledTask, ServiceProcess, TaskRun
from scheduler.publishing import Publisher, publish
from tests.cluster import ROOT
from tests.programs import Program
from tests.waiting import wait_for

PEERS = ROOT / ".venv-peers" / "bin" / "python"
MODELS = (TaskRun, DjangoJobExecution, ScheduledTask, DjangoJob, ServiceProcess)
BATCH = 5_000
NO_TIME = timedelta()


@contextmanager
def running(where: Where, *command: str, python: str = sys.executable, **env: str) -> Iterator[Program]:
    """Run a Python program of the project while the block lasts."""
    log = where.folder / f"program-{time.monotonic_ns()}.log"
    everything = {**os.environ, **where.env, "PYTHONUNBUFFERED": "1", **env}
    program = Program([python, *command], name=command[-1], log=log, env=everything, cwd=ROOT)
    try:
        yield program
    finally:
        program.end()


def scheduler(where: Where, **env: str) -> Any:
    """Run our scheduler, past its first pass."""
    return _past(
        running(where, "manage.py", "runscheduler", "--no-sync", **env),
        lambda pid: ServiceProcess.objects.filter(pid=pid, last_pass_at__isnull=False).exists(),
    )


def worker(where: Where, *more: str, processes: int = 2, ready: bool = True, **env: str) -> Any:
    """Run one of our workers; where `ready`, until it has said that it lives."""
    command = ("-m", "celery", "-A", "project", "worker", "-c", str(processes), "-Q", "default", "-l", "WARNING", *more)
    program = running(where, *command, "--without-gossip", "--without-mingle", **env)
    alive = ServiceProcess.objects.filter(kind=ServiceProcess.Kind.WORKER, stopped_at=None)
    return _past(program, lambda pid: alive.filter(pid=pid).exists()) if ready else program


def peer(where: Where, *command: str, **env: str) -> Any:
    """Run a peer's program."""
    settings = {"DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings"}
    return running(where, *command, python=str(PEERS), **{**settings, **env})


def fill_peer(where: Where, kind: str, jobs: int, due: datetime) -> None:
    """Store a peer's jobs."""
    in_peers(where, "benchmarks.peers.fill", kind, str(jobs), str(due.timestamp()))


def in_peers(where: Where, module: str, *arguments: str, **more: str) -> None:
    """Run a module in the peers' environment to its end."""
    settings = {"DJANGO_SETTINGS_MODULE": "benchmarks.peers.settings"}
    env = {**os.environ, **where.env, **settings, **more}
    subprocess.run([PEERS, "-m", module, *arguments], check=True, cwd=ROOT, env=env)


def ask_peers(where: Where, sql: str) -> list[Any]:
    """Ask the peers' database."""
    address = where.env["PEERS_DATABASE"]
    if where.database == "sqlite":
        with closing(sqlite3.connect(address.removeprefix("sqlite://"), timeout=20)) as lite, lite:
            return lite.execute(sql).fetchall()
    with psycopg.connect(address, autocommit=True) as server:
        asked = server.execute(sql)
        return asked.fetchall() if asked.description else []


@contextmanager
def _past(program: Any, ready: Any) -> Iterator[Program]:
    with program as started:
        wait_for(lambda: ready(started.pid), what=lambda: started.output[-2000:], timeout=120, every=0.1)
        yield started


def empty(where: Where) -> None:
    """Leave nothing in the database and the broker."""
    with connection.cursor() as cursor:
        if where.database == "postgres":
            cursor.execute(f"TRUNCATE {', '.join(model._meta.db_table for model in MODELS)} CASCADE")
        else:
            for model in MODELS:
                cursor.execute(f"DELETE FROM {model._meta.db_table}")
    with where.valkey.client() as client:
        client.flushall()


KINDS: dict[str, list[dict[str, Any]]] = {
    "interval": [{"trigger": {"type": "interval", "hours": 1}}],
    "cron": [{"trigger": {"type": "cron", "minute": "*/5", "hour": "6-22", "day_of_week": "mon-fri"}}],
    "mix": [
        {"trigger": {"type": "interval", "hours": 1}, "task": "bench.take", "args": [1, "two"]},
        {"trigger": {"type": "cron", "minute": "15,45"}, "task": "bench.take", "kwargs": {"path": "/srv/reports"}},
        {"trigger": {"type": "cron", "hour": 6, "day_of_week": "mon-fri", "timezone": "Europe/Berlin"}},
        {"trigger": {"type": "calendarinterval", "days": 1, "hour": 9}, "priority": 5, "time_limit": 60},
    ],
}


def store_jobs(
    count: int, due: datetime, kind: str = "interval", spread: timedelta = NO_TIME, prefix: str = "job"
) -> None:
    """Store jobs that are due at `due`, or evenly over `spread` from then on; fast, past the checks of `add_job`.

    An interval starts at its job's own time, as those do that people add.
    """
    templates: list[Callable[[str], ScheduledTask]] = [partial(_job, **template) for template in KINDS[kind]]
    kept = [triggers.trigger_from_data(template["trigger"], timezone="UTC") for template in KINDS[kind]]
    for first in range(0, count, BATCH):
        tasks, rows = [], []
        for number in range(first, min(first + BATCH, count)):
            at = due + spread * number / count
            task = templates[number % len(templates)](f"{prefix}-{number}")
            trigger = kept[number % len(kept)]
            if isinstance(trigger, triggers.IntervalTrigger):
                start = at - trigger.interval
                trigger = triggers.IntervalTrigger(seconds=trigger.interval_length, start_date=start, timezone="UTC")
            tasks.append(task)
            rows.append(DjangoJob(id=task.job_id, next_run_time=at, job_state=dump_state(task, trigger, at)))
        DjangoJob.objects.bulk_create(rows)
        ScheduledTask.objects.bulk_create(tasks)


def _job(job_id: str, *, trigger: Any, task: str = "bench.nothing", **fields: Any) -> ScheduledTask:
    if fields.get("args") or fields.get("kwargs"):
        fields["kwargs"] = {**fields.get("kwargs", {}), "job": job_id}
    return ScheduledTask(job_id=job_id, task=task, **fields)


def store_runs(count: int) -> None:
    """Leave so many queued runs, with their messages in the broker, as a pass and its publishing do."""
    store_jobs(count, clock.now() - timedelta(seconds=1))
    known, publisher = KnownTasks(), Publisher(20)
    while True:
        planned = plan_due(clock.now(), known, limit=500)
        publish(publisher, planned.new)
        if not planned.more:
            break
    publisher.close()


def statements(where: Where) -> int:
    """Return how many transactions the database server has committed for our database; each query is at least one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot(), xact_commit FROM pg_stat_database WHERE datname = 'postgres'")
        return int(cursor.fetchone()[1])


def soon(seconds: float) -> datetime:
    """Return a whole second, at least so many seconds from now."""
    return clock.now().replace(microsecond=0) + timedelta(seconds=seconds + 1)
