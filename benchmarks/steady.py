"""Steady: so many firings each second, minute after minute; how late is each, and does it get worse?"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from benchmarks import cpu, programs
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, percentile
from benchmarks.programs import KINDS, empty, soon, store_jobs
from benchmarks.servers import Where
from scheduler import clock
from scheduler.models import TaskRun

TITLE = "how late firings are with the broker, at a steady rate"


def measure(where: Where, *, seconds: int, rounds: int, rates: tuple[int, ...] = (200, 500)) -> Found:
    """Measure lateness from the due time to the moment that the run is noted as queued."""
    systems: dict[str, Callable[[], Measures]] = {
        f"{rate} a second": partial(_steady, where, rate, seconds) for rate in rates
    }
    found = alternate(systems, rounds)
    first, *more = found
    judged = [
        Judged(f"lateness at {first}, p99", found[first]["p99_ms"], 100.0, better="less", unit="ms"),
        Judged(f"last third's median over the first third's, {first}", found[first]["growth"], 1.5, better="less"),
        *(
            Judged(f"lateness at {name}, p99", found[name]["p99_ms"], None, 100.0, better="less", unit="ms")
            for name in more
        ),
    ]
    rows = {f"{name}, {part}": m[f"{part}_ms"] for name, m in found.items() for part in ("p50", "p99")}
    size = {"seconds": seconds, "rounds": rounds}
    return Found("steady", TITLE, size, found, judged, Bars(TITLE, "ms", rows))


def _steady(where: Where, rate: int, seconds: int) -> Measures:
    """Twenty seconds of jobs that fire every twenty seconds make `rate` firings a second."""
    every = 20
    KINDS["steady"] = [{"trigger": {"type": "interval", "seconds": every}, "overlap": "allow"}]
    empty(where)
    due = soon(6)
    store_jobs(rate * every, due, "steady", spread=timedelta(seconds=every))
    with programs.scheduler(where) as program:
        pids = [program.pid, *where.servers]
        time.sleep(max(0.0, (due - clock.now()).total_seconds() + 2))  # past the first, which find all cold
        before = cpu.spent(pids)
        time.sleep(seconds)
        spent = cpu.spent(pids) - before
        memory = cpu.memory(program.pid)
    runs = TaskRun.objects.filter(scheduled_at__gte=due + timedelta(seconds=2), queued_at__isnull=False)
    times = list(runs.order_by("scheduled_at").values_list("scheduled_at", "queued_at"))
    late = [(queued - scheduled).total_seconds() * 1000 for scheduled, queued in times if queued is not None]
    third = len(late) // 3
    return {
        "p50_ms": percentile(late, 0.5),
        "p99_ms": percentile(late, 0.99),
        "growth": percentile(late[-third:], 0.5) / percentile(late[:third], 0.5),
        "cpu_percent": spent / seconds * 100,
        "rss_mb": memory,
        "firings_per_second": len(late) / seconds,
    }
