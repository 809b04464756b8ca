"""SQLite: the burst of a thousand and tracking with four processes, beside the peers on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from benchmarks import tracking
from benchmarks.arriving import given_up
from benchmarks.burst import tickwork
from benchmarks.burst_peers import beat, stock
from benchmarks.measuring import Bars, Found, Judged, Measures, alternate, ratios
from benchmarks.servers import Where

TITLE = "on SQLite: a burst, and tracking with four processes"


def measure(where: Where, *, jobs: int, tasks: int, rounds: int) -> Found:
    """Measure both beside those peers that can use SQLite."""
    systems: dict[str, Callable[[], Measures]] = {
        "burst, Tickwork": partial(tickwork, where, jobs, "interval"),
        "burst, django-apscheduler": partial(stock, where, jobs),
        "burst, django-celery-beat": partial(beat, where, jobs),
        "tracking, Tickwork": partial(tracking.tickwork, where, tasks, processes=4),
        "tracking, django-celery-results": partial(tracking.results, where, max(tasks // 5, 100), processes=4),
    }
    found = alternate(systems, rounds)
    ours = found["burst, Tickwork"]["seconds"]
    rates = [found[f"tracking, {name}"]["per_second"] for name in ("Tickwork", "django-celery-results")]
    judged = [
        *(
            Judged(f"times as fast as {name}", ratios(found[f"burst, {name}"]["seconds"], ours), 5.0, unit="×")
            for name in ("django-apscheduler", "django-celery-beat")
        ),
        Judged("times django-celery-results' rate", ratios(*rates), 5.0, unit="×"),
    ]
    rows = {name: m["seconds"] for name, m in found.items() if "seconds" in m}
    chart = Bars(f"{jobs:,} jobs due in the same second, on SQLite", "s", rows, logarithmic=True)
    size = {"jobs": jobs, "tasks": tasks, "rounds": rounds}
    return Found("sqlite", TITLE, size, found, judged, chart, given_up(found))
