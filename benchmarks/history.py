"""History: millions of runs are in the tables; the burst, tracking, and firings while old runs are deleted."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from django.core.management import call_command
from django.db import connection
from django_apscheduler.models import DjangoJobExecution

from benchmarks import burst, tracking
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, ratios
from benchmarks.servers import Where
from scheduler.models import TaskRun

TITLE = "with a history of millions of runs, and without"


def measure(where: Where, *, runs: int, jobs: int, rounds: int) -> Found:
    """Measure the burst and tracking on empty tables and beside `runs` ended runs of the last 60 days."""
    systems: dict[str, Callable[[], Measures]] = {
        "burst, empty": partial(burst.tickwork, where, jobs, "interval"),
        "burst, history": partial(burst.tickwork, where, jobs, "interval", history=partial(fill, runs)),
        "tracking, empty": partial(tracking.tickwork, where, jobs),
        "tracking, history": partial(tracking.tickwork, where, jobs, history=partial(fill, runs)),
        "pruning": partial(prune, where, runs),
    }
    found = alternate(systems, rounds)
    cpu = {name: measures["cpu"] for name, measures in found.items() if "cpu" in measures}
    judged = [
        Judged("CPU of a burst, times that without", ratios(cpu["burst, history"], cpu["burst, empty"]), 1.1,
               better="less", unit="×"),
        Judged("CPU of tracking, times that without", ratios(cpu["tracking, history"], cpu["tracking, empty"]), 1.1,
               better="less", unit="×"),
    ]  # fmt: skip
    rows = dict(cpu.items())
    chart = Bars("CPU of 1,000 firings or tasks", "s", rows)
    return Found("history", TITLE, {"runs": runs, "jobs": jobs, "rounds": rounds}, found, judged, chart)


def fill(runs: int) -> None:
    """Write ended runs of the last 60 days, with their execution rows, of a thousand jobs that are gone."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")  # no look-up of foreign keys
        cursor.execute(HISTORY, {"runs": runs})
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute(f"SELECT setval(pg_get_serial_sequence('{EXECUTIONS}', 'id'), max(id)) FROM {EXECUTIONS}")
        cursor.execute(f"ANALYZE {RUNS}, {EXECUTIONS}")


RUNS, EXECUTIONS = TaskRun._meta.db_table, DjangoJobExecution._meta.db_table
HISTORY = f"""
    WITH made AS MATERIALIZED (
        SELECT number, 'old-' || number % 1000 AS job, now() - interval '60 days' * number / %(runs)s AS at,
            CASE WHEN number % 50 = 0 THEN 'failure' ELSE 'success' END AS state
        FROM generate_series(1, %(runs)s) AS number
    ), noted AS (
        INSERT INTO {EXECUTIONS} (id, job_id, status, run_time, duration, finished)
        SELECT number, job, CASE state WHEN 'success' THEN 'Executed' ELSE 'Error!' END, at, 1, extract(epoch FROM at)
        FROM made
    )
    INSERT INTO {RUNS} (
        id, job_id, execution_id, task, args, kwargs, queue, options, requested_by, note, state, reason, waiting,
        attempt, retries, scheduled_at, created_at, queued_at, started_at, finished_at, cancel_requested_by, worker,
        exception, traceback
    ) SELECT gen_random_uuid(), job, number, 'bench.nothing', '[]', '{{}}', '', '{{}}', 'schedule', '', state, '',
        false, 1, 0, at, at, at, at, at + interval '1 second', '', 'w@host', '', ''
    FROM made
"""


def prune(where: Where, runs: int) -> Measures:
    """Delete half of the history."""
    from benchmarks.programs import empty

    empty(where)
    fill(runs)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT pg_total_relation_size('{RUNS}') + pg_total_relation_size('{EXECUTIONS}')")
        size = cursor.fetchone()[0]
    before, started = TaskRun.objects.count(), time.monotonic()
    call_command("prune", days=30, verbosity=0)
    seconds = time.monotonic() - started
    return {
        "seconds": seconds,
        "deleted_per_second": (before - TaskRun.objects.count()) / seconds,
        "bytes_of_a_run": size / runs,
    }
