"""Precision: one firing a second on a system that has nothing else to do; how late is each with the broker?"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial

from benchmarks import programs
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, percentile
from benchmarks.programs import KINDS, empty, soon, store_jobs
from benchmarks.servers import Where
from scheduler import clock
from scheduler.models import TaskRun

TITLE = "how late one firing a second is with the broker"


def measure(where: Where, *, seconds: int, rounds: int) -> Found:
    """Take each message from the broker as a worker does, and compare the moment with the run's due time."""
    systems: dict[str, Callable[[], Measures]] = {"Tickwork": partial(_precision, where, seconds)}
    found = alternate(systems, rounds)
    mine = found["Tickwork"]
    judged = [Judged("lateness, p99", mine["p99_ms"], 20.0, 5.0, better="less", unit="ms")]
    rows = {part: mine[f"{part}_ms"] for part in ("p50", "p99")}
    return Found("precision", TITLE, {"seconds": seconds, "rounds": rounds}, found, judged, Bars(TITLE, "ms", rows))


def _precision(where: Where, seconds: int) -> Measures:
    KINDS["precision"] = [{"trigger": {"type": "interval", "seconds": 1}, "overlap": "allow"}]
    empty(where)
    store_jobs(1, soon(5), "precision")
    taken: dict[str, float] = {}
    with programs.scheduler(where), where.valkey.client() as client:
        until = time.monotonic() + seconds + 5
        while time.monotonic() < until:
            found = client.brpop(["default"], timeout=2)
            if found is not None:
                # The first time: what no worker starts is sent again, as lost.
                taken.setdefault(json.loads(found[1])["headers"]["id"], clock.now().timestamp())
    due = {str(run_id): at.timestamp() for run_id, at in TaskRun.objects.values_list("id", "scheduled_at")}
    late = [(at - due[run_id]) * 1000 for run_id, at in taken.items() if run_id in due]
    assert len(late) > seconds / 2, f"only {len(late)} firings in {seconds} s"
    return {"p50_ms": percentile(late, 0.5), "p99_ms": percentile(late, 0.99), "firings": float(len(late))}
