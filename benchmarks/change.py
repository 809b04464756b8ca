"""Change: one job among very many is edited; how long until every scheduler acts by it, and what the edit costs."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

from benchmarks import programs
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, percentile
from benchmarks.programs import empty, soon, store_jobs
from benchmarks.servers import Where
from scheduler import clock, jobs, runs

TITLE = "from the edit of one job among many to its firing"


def measure(where: Where, *, jobs: int, edits: int, rounds: int) -> Found:
    """Edit jobs so that they are due at once, and take their messages from the broker."""
    systems: dict[str, Callable[[], Measures]] = {
        f"{count:,} jobs": partial(_change, where, count, edits) for count in (1_000, jobs)
    }
    found = alternate(systems, rounds)
    mine = found[f"{jobs:,} jobs"]
    judged = [
        Judged("until in force, the slowest", mine["slowest_s"], 1.0, None, better="less", unit="s"),
        Judged("until in force, median", mine["median_s"], None, 0.1, better="less", unit="s"),
        Judged("queries of an edit", mine["queries"], better="less"),
    ]
    rows = {f"{name}, {part}": m[f"{part}_s"] for name, m in found.items() for part in ("median", "slowest")}
    size = {"jobs": jobs, "edits": edits, "rounds": rounds}
    return Found("change", TITLE, size, found, judged, Bars(TITLE, "s", rows))


def _change(where: Where, count: int, edits: int) -> Measures:
    empty(where)
    store_jobs(count, soon(0) + timedelta(days=30))
    took, asked = [], []
    with programs.scheduler(where), where.valkey.client() as client:
        time.sleep(2)
        for number in range(edits):
            time.sleep(number * 0.37 % 1)  # at another moment between two passes each time
            with CaptureQueriesContext(connection) as queries:
                started = time.monotonic()
                now = clock.now()
                jobs.modify_job(job_id := f"job-{number * (count // edits)}", next_run_time=now)
            asked.append(len(queries))
            _take(client, str(runs.firing_id(job_id, now)))
            took.append(time.monotonic() - started)
    return {"median_s": percentile(took, 0.5), "slowest_s": max(took), "queries": percentile(asked, 0.5)}


def _take(client: Any, run_id: str) -> None:
    """Take messages until it is this run's; earlier ones, which no worker starts, are sent again as lost."""
    while True:
        found = client.brpop(["default"], timeout=5)
        assert found is not None, f"no message of {run_id}"
        if json.loads(found[1])["headers"]["id"] == run_id:
            return
