"""Very many runs of the past, written in one statement, and among them one failure of last night."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import connection

from benchmarks import loading
from scheduler import clock
from scheduler.models import State, TaskRun
from tests.unit.admin.pages import make_job, make_run

GROUP = 40
"""Jobs that share a tag, and the history."""
HISTORY = 100_000
WRITE_HISTORY = f"""
INSERT INTO {TaskRun._meta.db_table} ({{columns}})
WITH RECURSIVE past (n, at) AS (
    SELECT 1, CAST(%s AS double precision) UNION ALL SELECT n + 1, at - 8 FROM past WHERE n < {HISTORY}
)
SELECT {{values}} FROM past
"""
VALUES = {
    "id": "gen_random_uuid()",
    "job_id": f"'night-' || (n %% {GROUP})",
    "task": "'tests.app.tasks.add'",
    "state": "CASE WHEN n %% 97 = 0 AND at NOT BETWEEN %s AND %s THEN 'failure' ELSE 'success' END",
    **{f"{name}_at": "to_timestamp(at)" for name in ("scheduled", "created", "queued", "started")},
    "finished_at": "to_timestamp(at + 2)",
    "worker": "'worker@host'",
}
"""What the columns of a run of the history hold. None fails between two instants: last night went well, but for one."""


def write_history() -> datetime:
    """Write jobs `night-…` with runs over nine days, of which one failed between ten and six in the last night that is
    over; return when ten was.
    """
    ten = (clock.now() - timedelta(hours=6)).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(hours=2)
    for number in range(GROUP):
        make_job(f"night-{number}", tags=["nightly"], due=clock.now() + timedelta(days=1))
    newest = clock.now().timestamp() - 60
    columns = {**loading.defaults(TaskRun), **VALUES}
    ends = ten.timestamp(), (ten + timedelta(hours=8)).timestamp()
    with connection.cursor() as cursor:
        loading.prepare(cursor)
        statement = WRITE_HISTORY.format(columns=", ".join(columns), values=", ".join(columns.values()))
        cursor.execute(statement, [newest, *ends])
    make_run(
        "night-7", State.FAILURE, ago=(clock.now() - ten).total_seconds() - 3600, exception="ValueError: row 12 is odd",
        traceback='Traceback (most recent call last):\n  File "tasks.py", line 48\nValueError: row 12 is odd',
    )  # fmt: skip
    return ten


def take_out_history() -> None:
    """Delete the runs at once; Django would look at each of them."""
    TaskRun.objects.filter(job_id__startswith="night-")._raw_delete(connection.alias)
