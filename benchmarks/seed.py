"""`python -m benchmarks.seed [--jobs N] [--runs N]`: fills the empty database at DATABASE_URL as years of use would.

Jobs of all kinds and states, their runs of the last 30 days with rows in both tables, tallies, logs and processes. It
writes rows and nothing else: no task runs, no message is sent. On PostgreSQL five million runs take a few minutes.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scheduler.models import ServiceProcess

SCHEDULERS = ("scheduler-1", "scheduler-2")
WORKERS = {
    "worker-1": ["default"],
    "worker-2": ["default", "mail"],
    "worker-3": ["reports", "long"],
    "worker-4": ["gpu"],
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.seed", description=__doc__)
    parser.add_argument("--jobs", type=int, default=100_000, help="default %(default)s")
    parser.add_argument("--runs", type=int, default=5_000_000, help="of all jobs together (default %(default)s)")
    options = parser.parse_args()
    if options.jobs < 1 or options.runs < 0:
        parser.error("--jobs takes a whole number from 1, --runs one from 0")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from scheduler.models import ScheduledTask, TaskRun

    if ScheduledTask.objects.exists() or TaskRun.objects.exists():
        parser.error("the database has jobs or runs already. Give DATABASE_URL one that is empty")
    fill(options.jobs, options.runs, say=lambda text: print(text, file=sys.stderr, flush=True))


def fill(jobs: int, runs: int, *, say: Callable[[str], None] | None = None) -> None:
    """Write so many jobs and runs, and what belongs to them, into the database of Django's settings.

    The same numbers give the same jobs, and the same ends of their runs.
    Statistics for the query planner are brought up to date.

    :param say: called with a line of text after each step
    """
    from benchmarks import loading, seed_jobs, seed_runs
    from scheduler import clock

    now = clock.now()
    with _told(say, f"{jobs} jobs"):
        plans = seed_jobs.write(jobs, now)
    write_processes(now)
    with _told(say, f"{runs} runs"):
        seed_runs.write(plans, runs, now)
    with _told(say, "statistics"):
        loading.analyze()


@contextmanager
def _told(say: Callable[[str], None] | None, what: str) -> Iterator[None]:
    started = time.monotonic()
    yield
    if say is not None:
        say(f"{what}: {time.monotonic() - started:.1f} s")


def write_processes(now: datetime) -> None:
    """Write two schedulers and four workers that were heard of just now, and one of each that is gone."""
    from scheduler.models import ServiceProcess

    rows = [_process(ServiceProcess.Kind.SCHEDULER, name, [], now) for name in SCHEDULERS]
    rows += [_process(ServiceProcess.Kind.WORKER, name, queues, now) for name, queues in WORKERS.items()]
    long_ago = now - timedelta(days=2)
    for kind, name in ((ServiceProcess.Kind.SCHEDULER, "scheduler-0"), (ServiceProcess.Kind.WORKER, "worker-0")):
        rows.append(_process(kind, name, [], long_ago))
        rows[-1].stopped_at = long_ago + timedelta(seconds=30)
    ServiceProcess.objects.bulk_create(rows)


def _process(kind: str, name: str, queues: list[str], heard: datetime) -> ServiceProcess:
    from benchmarks.seed_jobs import TASKS
    from scheduler.models import ServiceProcess

    is_worker = kind == ServiceProcess.Kind.WORKER
    return ServiceProcess(
        kind=kind, name=f"{name}@app-{name[-1]}", host=f"app-{name[-1]}", pid=100 + int(name[-1]),
        started_at=heard - timedelta(days=3), heartbeat_at=heard, last_pass_at=None if is_worker else heard,
        queues=queues, tasks=list(TASKS) if is_worker else [],
    )  # fmt: skip


if __name__ == "__main__":
    main()
