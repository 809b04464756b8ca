"""The runs of `benchmarks.seed`: drawn by the database itself, in one statement for each table."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Max
from django_apscheduler.models import DjangoJobExecution

from benchmarks import loading
from benchmarks.seed_jobs import DAY, Plan
from scheduler.executions import STATUS
from scheduler.models import HourTally, RunLog, ServiceProcess, State, TaskRun

DAYS = 30
LONGEST = 4.1
"""How many times as long as its job's runs usually take a run takes at most: all have ended by now."""
LIVE = 40
"""The newest runs, at most one in fifty, have not ended."""
LOGS = 500
"""Runs, the newest ones, that have logged something."""
RUN, EXECUTION = TaskRun._meta.db_table, DjangoJobExecution._meta.db_table
PROCESS, WORKER = ServiceProcess._meta.db_table, "'worker-' || (n %% 4 + 1) || '@app-' || (n %% 4 + 1)"
ERRORS = [
    ("ConnectionError: [Errno 111] Connection refused", "client.py", "connect", "raise ConnectionError(error)"),
    ("KeyError: 'customer_id'", "tasks.py", "collect", "return row['customer_id']"),
    ("ValueError: could not convert string to float: '12,50'", "parsing.py", "amount", "return float(text)"),
    ("TimeoutError: The read operation timed out", "ssl.py", "read", "return self._sslobj.read(len)"),
    ("django.db.utils.IntegrityError: duplicate key value violates unique constraint", "base.py", "execute", "raise"),
]

DRAW = """
CREATE TEMPORARY TABLE seed_run AS
WITH RECURSIVE firing (job_id, task, queue, at, period, took, failing, more) AS (
    SELECT job_id, task, queue, newest, period, took, failing, runs - 1 FROM seed_job
    UNION ALL
    SELECT job_id, task, queue, at - period, period, took, failing, more - 1 FROM firing WHERE more > 0
)
SELECT row_number() OVER (ORDER BY at) AS n, job_id, task, queue, at, at + 0.02 + waited AS started,
    at + 0.02 + waited + took AS finished,
    CASE WHEN luck < failing * 0.85 THEN 'failure' WHEN luck < failing * 0.95 THEN 'timeout'
        WHEN luck < failing THEN 'lost' WHEN luck > 0.998 THEN 'cancelled' WHEN luck > 0.997 THEN 'expired'
        WHEN luck > 0.993 THEN 'skipped' WHEN luck > 0.990 THEN 'missed' ELSE 'success' END AS state
FROM (
    SELECT job_id, task, queue, at, failing, random() AS luck, 0.01 + 2.5 * random() * random() * random() AS waited,
        took * (0.5 + 0.6 * random() + 3 * random() * random() * random() * random()) AS took
    FROM firing
) AS drawn
"""
STARTED = "'running', 'success', 'failure', 'timeout', 'lost', 'cancelled', 'retrying'"
UNSENT = "'pending', 'skipped', 'missed'"
LIVING = "'pending', 'queued', 'running', 'retrying'"
WRITE_EXECUTIONS = f"""
INSERT INTO {EXECUTION} (id, job_id, status, run_time, duration, finished, exception, traceback)
SELECT %s + n, job_id, CASE state {" ".join(f"WHEN '{state}' THEN '{status}'" for state, status in STATUS.items())} END,
    to_timestamp(at), CASE WHEN state NOT IN ({LIVING}, 'lost') THEN finished - started END,
    CASE WHEN state NOT IN ({LIVING}) THEN finished END, CASE WHEN state = 'failure' THEN error.exception END,
    CASE WHEN state = 'failure' THEN error.traceback END
FROM seed_run JOIN seed_error AS error ON error.number = n %% {len(ERRORS)}
"""
VALUES = {
    "id": "gen_random_uuid()",
    "execution_id": "%s + n",
    "job_id": "job_id",
    "task": "task",
    "queue": "queue",
    "requested_by": "CASE WHEN n %% 211 = 0 THEN 'admin' ELSE 'schedule' END",
    "note": "CASE WHEN n %% 211 = 0 THEN 'As asked by phone' ELSE '' END",
    "state": "state",
    "reason": "CASE state WHEN 'skipped' THEN 'maximum number of running instances reached (1)'"
    " WHEN 'missed' THEN 'No scheduler was there when it was due.' WHEN 'lost' THEN 'Its worker stopped its heartbeat.'"
    " WHEN 'cancelled' THEN 'Cancelled by admin' WHEN 'expired' THEN 'No worker took it within 600 s.'"
    " WHEN 'timeout' THEN 'It took longer than its time limit.' ELSE '' END",
    "attempt": "CASE WHEN n %% 97 = 0 THEN 2 ELSE 1 END",
    "retries": "CASE WHEN n %% 97 = 0 THEN 1 ELSE 0 END",
    "scheduled_at": "to_timestamp(at)",
    "created_at": "to_timestamp(at + 0.01)",
    "queued_at": f"CASE WHEN state NOT IN ({UNSENT}) THEN to_timestamp(at + 0.02) END",
    "started_at": f"CASE WHEN state IN ({STARTED}) THEN to_timestamp(started) END",
    "finished_at": f"CASE WHEN state IN ({LIVING}) THEN NULL WHEN state IN ({STARTED}) THEN to_timestamp(finished)"
    " ELSE to_timestamp(at + 0.01) END",
    "publish_at": "CASE WHEN state IN ('pending', 'retrying') THEN to_timestamp(at + 30) END",
    "worker": f"CASE WHEN state IN ({STARTED}) THEN {WORKER} ELSE '' END",
    "process": f"CASE WHEN state = 'running' THEN (SELECT id FROM {PROCESS} WHERE name = {WORKER}) END",
    "pid": f"CASE WHEN state IN ({STARTED}) THEN 1000 + n %% 60 END",
    "exception": "CASE WHEN state = 'failure' THEN error.exception ELSE '' END",
    "traceback": "CASE WHEN state = 'failure' THEN error.traceback ELSE '' END",
}
"""What the columns of a run hold; all others have their defaults."""
WRITE_TALLIES = f"""
INSERT INTO {HourTally._meta.db_table} (hour, state, count)
SELECT to_timestamp(3600 * floor(at / 3600)), state, count(*) FROM seed_run GROUP BY 1, 2
"""


def write(plans: Sequence[Plan], count: int, now: datetime) -> None:
    """Write so many runs of these jobs, evenly over the last 30 days or back to when each has had its share."""
    with transaction.atomic(), connection.cursor() as cursor:
        loading.prepare(cursor)
        _stage(cursor, plans, count, now)
        last = DjangoJobExecution.objects.aggregate(last=Max("id"))["last"] or 0
        with loading.bare(cursor, [RUN, EXECUTION]):
            cursor.execute(WRITE_EXECUTIONS, [last])
            cursor.execute(_write_runs(), [last])
        cursor.execute(WRITE_TALLIES)
        for table in ("seed_run", "seed_job", "seed_error"):
            cursor.execute(f"DROP TABLE {table}")
        for statement in connection.ops.sequence_reset_sql(no_style(), [DjangoJobExecution]):
            cursor.execute(statement)
        _write_logs()


def _write_runs() -> str:
    values = {**loading.defaults(TaskRun), **VALUES}
    return (
        f"INSERT INTO {RUN} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        f" FROM seed_run JOIN seed_error AS error ON error.number = n %% {len(ERRORS)}"
    )


def _stage(cursor: Any, plans: Sequence[Plan], count: int, now: datetime) -> None:
    """Put what each job's runs are drawn from into a table, and draw them into another."""
    shares = _shares(plans, count)
    cursor.execute("CREATE TEMPORARY TABLE seed_job (job_id varchar(255), task varchar(255), queue varchar(255),"
                   " runs integer, newest float8, period float8, took float8, failing float8)")  # fmt: skip
    cursor.execute("CREATE TEMPORARY TABLE seed_error (number integer, exception text, traceback text)")
    dice = random.Random(len(plans))
    rows = []
    for plan, share in zip(plans, shares, strict=True):
        if share:
            period = min(plan.period, DAYS * DAY / share)
            newest = now.timestamp() - dice.random() * period - LONGEST * plan.took
            rows.append((plan.job_id, plan.task, plan.queue, share, newest, period, plan.took, plan.failing))
    cursor.executemany("INSERT INTO seed_job VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", rows)
    errors = [
        (
            number,
            error,
            f'Traceback (most recent call last):\n  File "/app/{file}", line 48, in {name}\n    {code}\n{error}',
        )
        for number, (error, file, name, code) in enumerate(ERRORS)
    ]
    cursor.executemany("INSERT INTO seed_error VALUES (%s, %s, %s)", errors)
    cursor.execute(DRAW)
    for place, state in enumerate((State.PENDING, State.QUEUED, State.RUNNING, State.RUNNING, State.RETRYING)):
        cursor.execute(
            "UPDATE seed_run SET state = %s WHERE n > %s AND n %% 5 = %s",
            [str(state), count - min(LIVE, count // 50), place],
        )


def _shares(plans: Sequence[Plan], count: int) -> list[int]:
    """Return how many runs each job has; together they are `count`."""
    most = max(count / 20, 1)
    wanted = [0.0 if not plan.period else min(max(DAYS * DAY / plan.period, 1), most) for plan in plans]
    total, so_far, shares = sum(wanted) or 1.0, 0.0, []
    for weight in wanted:
        before = round(count * so_far / total)
        so_far += weight
        shares.append(round(count * so_far / total) - before)
    return shares


def _write_logs() -> None:
    newest = TaskRun.objects.exclude(started_at=None).order_by("-scheduled_at").only("pk", "task", "started_at")[:LOGS]
    lines = "{0:%H:%M:%S} INFO {1}: begins\n{0:%H:%M:%S} INFO {1}: 1,204 rows read\n{0:%H:%M:%S} INFO {1}: done\n"
    RunLog.objects.bulk_create(
        [RunLog(run=run, number=1, text=lines.format(run.started_at, run.task)) for run in newest]
    )
