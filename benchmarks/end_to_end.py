"""End to end: from the moment that a job is due to the start of its task's body, with an empty and a loaded queue."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from benchmarks import programs
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, percentile
from benchmarks.programs import KINDS, empty, soon, store_jobs
from benchmarks.servers import Where
from benchmarks.tracking import CELERY
from scheduler.models import ScheduledTask, TaskRun

TITLE = "from due to the start of the body"
LOAD = 50


def measure(where: Where, *, seconds: int, rounds: int) -> Found:
    """Measure ours beside bare Celery, whose sender sends at the very moment."""
    systems: dict[str, Callable[[], Measures]] = {}
    for name, load in (("", 0), (f", {LOAD} others a second", LOAD)):
        systems["bare Celery" + name] = partial(bare, where, seconds, load)
        systems["Tickwork" + name] = partial(tickwork, where, seconds, load)
    found = alternate(systems, rounds)
    judged = [
        Judged(
            f"p99 beyond bare Celery's{name}",
            [
                mine - theirs
                for mine, theirs in zip(
                    found["Tickwork" + name]["p99_ms"], found["bare Celery" + name]["p99_ms"], strict=True
                )
            ],
            15.0, better="less", unit="ms",
        )
        for name in ("", f", {LOAD} others a second")
    ]  # fmt: skip
    rows = {f"{name}, {part}": m[f"{part}_ms"] for name, m in found.items() for part in ("p50", "p99")}
    return Found("end_to_end", TITLE, {"seconds": seconds, "rounds": rounds}, found, judged, Bars(TITLE, "ms", rows))


def tickwork(where: Where, seconds: int, load: int) -> Measures:
    ledger = where.folder / f"ledger-{time.monotonic_ns()}"
    KINDS["noting"] = [
        {"trigger": {"type": "interval", "seconds": 1}, "overlap": "allow", "task": "bench.note", "args": [str(ledger)]}
    ]
    KINDS["load"] = [{"trigger": {"type": "interval", "seconds": 1}, "overlap": "allow"}]
    empty(where)
    due = soon(8)
    store_jobs(1, due, "noting")
    ScheduledTask.objects.update(kwargs={})
    store_jobs(load, due + timedelta(milliseconds=20), "load", spread=timedelta(seconds=1), prefix="load")
    with programs.worker(where), programs.scheduler(where):
        time.sleep(8 + seconds)
    lines = [line.split() for line in ledger.read_text().splitlines()]
    dues = {str(run_id): at.timestamp() for run_id, at in TaskRun.objects.values_list("id", "scheduled_at")}
    return _late([(float(at) - dues[run_id]) * 1000 for run_id, at in lines[2:]], seconds)


def bare(where: Where, seconds: int, load: int) -> Measures:
    ledger = where.folder / f"ledger-{time.monotonic_ns()}"
    empty(where)
    with programs.peer(where, *CELERY, PREFETCH="1"):
        programs.in_peers(where, "benchmarks.peers.on_time", str(ledger), str(seconds + 4), str(load))
        time.sleep(1)
    return _late([float(line) * 1000 for line in ledger.read_text().splitlines()[4:]], seconds)


def _late(late: list[float], seconds: int) -> Measures:
    assert len(late) > seconds / 2, f"only {len(late)} bodies in {seconds} s"
    return {"p50_ms": percentile(late, 0.5), "p99_ms": percentile(late, 0.99)}
