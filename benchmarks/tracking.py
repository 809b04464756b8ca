"""Tracking: what recording each task costs beside bare Celery, and beside django-celery-results."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from django.db import connection

from benchmarks import cpu, programs
from benchmarks.measuring import Bars, Found, Judged, Measures, System, alternate, ratios
from benchmarks.servers import Where
from scheduler.models import TERMINAL, TaskRun
from tests.waiting import wait_for

TITLE = "no-op tasks, a prefork worker with two processes"
LONGEST = 900.0
CELERY = (
    "-m", "celery", "-A", "benchmarks.peers.celery", "worker", "-c", "2", "-Q", "peers", "-l", "WARNING",
    "--without-gossip", "--without-mingle",
)  # fmt: skip
RESULTS = "django_celery_results_taskresult"


def measure(where: Where, *, tasks: int, rounds: int) -> Found:
    """Measure bare Celery, our worker on tracked runs, and django-celery-results that notes starts too."""
    systems: dict[str, System] = {
        "bare Celery": partial(bare, where, tasks),
        "Tickwork": partial(tickwork, where, tasks),
        "django-celery-results": partial(results, where, max(tasks // 5, 100)),
    }
    found = alternate(systems, rounds)
    rate = {name: measures["per_second"] for name, measures in found.items()}
    spent = {name: measures["cpu"] for name, measures in found.items()}
    judged = [
        Judged("of bare Celery's rate", ratios(rate["Tickwork"], rate["bare Celery"]), 0.65, 0.85, unit="×"),
        Judged(
            "times django-celery-results' rate",
            ratios(rate["Tickwork"], rate["django-celery-results"]), 4.5, unit="×",
        ),
        Judged("of bare Celery's CPU, with PostgreSQL's", ratios(spent["Tickwork"], spent["bare Celery"]),
               better="less", unit="×"),
    ]  # fmt: skip
    size = {"tasks": tasks, "rounds": rounds, "database": where.database}
    name = "tracking" if where.database == "postgres" else "sqlite-tracking"
    return Found(name, TITLE, size, found, judged, Bars(f"{tasks:,} {TITLE}", "tasks/s", rate))


def bare(where: Where, tasks: int) -> Measures:
    """A plain Celery app, results ignored, messages as Celery sends them."""
    programs.empty(where)
    _send(where, tasks)
    return _peer_worker(where, tasks, lambda: 0, PREFETCH="1")


def results(where: Where, tasks: int, processes: int = 2) -> Measures:
    """The same with django-celery-results as the result backend and `track_started`."""
    programs.empty(where)
    programs.fill_peer(where, "tables", 0, datetime.now(UTC))
    programs.ask_peers(where, f"DELETE FROM {RESULTS}")
    _send(where, tasks, TRACKED="1")
    ended = f"SELECT count(*) FROM {RESULTS} WHERE status = 'SUCCESS'"
    return _peer_worker(
        where, tasks, lambda: tasks - programs.ask_peers(where, ended)[0][0], processes, TRACKED="1", PREFETCH="1"
    )


def tickwork(where: Where, tasks: int, processes: int = 2, history: Callable[[], None] | None = None) -> Measures:
    """Our worker on runs that wait in the queue."""
    programs.empty(where)
    if history is not None:
        history()
    programs.store_runs(tasks)
    with where.valkey.client() as client, programs.worker(where, processes=processes, ready=False) as program:
        ended = TaskRun.objects.filter(state__in=TERMINAL, job_id__startswith="job-")
        return _measured(where, program.pid, tasks, lambda: client.llen("default"), lambda: tasks - ended.count())


def _send(where: Where, tasks: int, **env: str) -> None:
    programs.in_peers(where, "benchmarks.peers.send", str(tasks), **env)


def _peer_worker(where: Where, tasks: int, unended: Callable[[], int], processes: int = 2, **env: str) -> Measures:
    command = (*CELERY, "-c", str(processes))
    with where.valkey.client() as client, programs.peer(where, *command, **env) as program:
        return _measured(where, program.pid, tasks, lambda: client.llen("peers"), unended)


def _measured(where: Where, pid: int, tasks: int, queued: Callable[[], Any], unended: Callable[[], int]) -> Measures:
    """Measure from a tenth of the tasks on, when all processes are warm, to the last."""
    begin = tasks * 9 // 10
    wait_for(lambda: queued() <= begin, what="the first tasks", timeout=120, every=0.005)
    pids = [pid, *where.servers]
    started, before, first = time.monotonic(), cpu.spent(pids), queued()
    wait_for(lambda: queued() == 0, what="the queue to be empty", timeout=LONGEST, every=0.01)
    seconds, spent = time.monotonic() - started, cpu.spent(pids) - before
    wait_for(lambda: unended() == 0, what="the last outcomes", timeout=60, every=0.05)
    connection.close()
    return {"per_second": first / seconds, "cpu": spent / first * 1000}
