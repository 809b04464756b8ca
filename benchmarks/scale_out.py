"""Scale out: the burst with 1, 2 and 4 schedulers, none of which leads; no firing may be doubled."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial

from benchmarks.burst import TITLE, tickwork
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, ratios
from benchmarks.servers import Where
from scheduler.models import TaskRun


def measure(where: Where, *, jobs: int, rounds: int) -> Found:
    """Measure the burst with several schedulers, and look for doubled firings."""
    systems: dict[str, Callable[[], Measures]] = {
        f"{count} scheduler{'s' if count > 1 else ''}": partial(_burst, where, jobs, count) for count in (1, 2, 4)
    }
    found = alternate(systems, rounds)
    seconds = {name: measures["seconds"] for name, measures in found.items()}
    judged = [
        Judged("times as fast with 2", ratios(seconds["1 scheduler"], seconds["2 schedulers"]), 1.6, unit="×"),
        Judged("times as fast with 4", ratios(seconds["1 scheduler"], seconds["4 schedulers"]), unit="×"),
        Judged("doubled firings", [sum(m["doubled"]) for m in found.values()], 0, better="less"),
    ]
    chart = Bars(f"{jobs:,} {TITLE}", "s", seconds)
    return Found("scale_out", TITLE, {"jobs": jobs, "rounds": rounds}, found, judged, chart)


def _burst(where: Where, jobs: int, schedulers: int) -> Measures:
    measures = tickwork(where, jobs, "interval", schedulers)
    with where.valkey.client() as client:
        sent = [json.loads(raw)["headers"]["id"] for raw in client.lrange("default", 0, -1)]
    return {**measures, "doubled": float(len(sent) - len(set(sent)) + TaskRun.objects.count() - jobs)}
