"""Idle: very many jobs of which none is due; what a scheduler costs that has nothing to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from benchmarks import cpu, programs
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate
from benchmarks.programs import empty, soon, store_jobs
from benchmarks.servers import Where

TITLE = "a scheduler among very many jobs of which none is due"


def measure(where: Where, *, jobs: tuple[int, ...], seconds: int, rounds: int) -> Found:
    """Measure start-up, memory, CPU and queries, for several numbers of jobs."""
    systems: dict[str, Callable[[], Measures]] = {
        f"{count:,} jobs": partial(_idle, where, count, seconds) for count in jobs
    }
    found = alternate(systems, rounds)
    few, many = found[f"{jobs[0]:,} jobs"], found[f"{jobs[-1]:,} jobs"]
    judged = [
        Judged("start-up", many["start_s"], 2.0, better="less", unit="s"),
        Judged("memory", many["rss_mb"], 120.0, better="less", unit="MB"),
        Judged("CPU of the scheduler", many["cpu_percent"], 1.0, better="less", unit="%"),
        Judged(
            f"memory, {jobs[-1]:,} jobs over {jobs[0]:,}",
            [b / a for a, b in zip(few["rss_mb"], many["rss_mb"], strict=True)], 1.05, better="less", unit="×",
        ),
    ]  # fmt: skip
    rows = {f"{name}: {text}": m[key] for name, m in found.items() for key, text in _SHOWN.items()}
    return Found("idle", TITLE, {"seconds": seconds, "rounds": rounds}, found, judged, Bars(TITLE, "", rows))


_SHOWN = {"start_s": "start-up (s)", "rss_mb": "memory (MB)", "cpu_percent": "CPU (%)"}


def _idle(where: Where, jobs: int, seconds: int) -> Measures:
    empty(where)
    store_jobs(jobs, soon(0) + timedelta(days=30), "mix")
    started = time.monotonic()
    with programs.scheduler(where) as program:
        start = time.monotonic() - started
        time.sleep(3)
        begin, queries = cpu.spent([program.pid]), programs.statements(where)
        time.sleep(seconds)
        spent = cpu.spent([program.pid]) - begin
        asked = programs.statements(where) - queries
        memory = cpu.memory(program.pid)
    return {
        "start_s": start,
        "rss_mb": memory,
        "cpu_percent": spent / seconds * 100,
        "transactions_per_minute": asked / seconds * 60,
    }
