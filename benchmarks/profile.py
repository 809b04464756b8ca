"""Where the time goes: `python -m benchmarks.profile burst [--jobs N] [--kind mix] [--top N] [--sqlite]`.

Profiles in this process what a scheduler does between the moment that jobs come due and the last message in the
broker, and what a worker does around a task's body.
"""

from __future__ import annotations

import argparse
import cProfile
import pstats
import time
from collections.abc import Callable
from datetime import timedelta

from benchmarks.cpu import spent
from benchmarks.servers import Where, servers


def burst(where: Where, jobs: int, kind: str) -> None:
    """Claim, plan, write, publish and note `jobs` firings, on one thread."""
    from scheduler import clock, conf
    from scheduler.engine.passes import plan_due
    from scheduler.known_tasks import KnownTasks
    from scheduler.publishing import Publisher, publish

    known, publisher = KnownTasks(), Publisher(5)
    while (planned := plan_due(clock.now(), known, limit=conf.get("BATCH_SIZE"))).more:
        publish(publisher, planned.new)
    publish(publisher, planned.new)


def prepare_burst(where: Where, jobs: int, kind: str) -> None:
    from benchmarks.programs import empty, store_jobs
    from scheduler import clock

    empty(where)
    store_jobs(jobs, clock.now() - timedelta(seconds=1), kind)


def prepare_tracking(where: Where, jobs: int, kind: str) -> None:
    from benchmarks.programs import empty, store_runs

    empty(where)
    store_runs(jobs)


def tracking(where: Where, jobs: int, kind: str) -> None:
    """Claim and finish `jobs` attempts, as a pool process does around a body that does nothing."""
    from scheduler.models import TaskRun
    from scheduler.worker import reporting

    for run_id in TaskRun.objects.values_list("id", flat=True):
        attempt = reporting.begin(str(run_id), 1, "bench.nothing")
        assert attempt is not None
        attempt.succeed(None)
        reporting.leave(attempt)


PROFILES: dict[str, tuple[Callable[[Where, int, str], None], Callable[[Where, int, str], None]]] = {
    "burst": (prepare_burst, burst),
    "tracking": (prepare_tracking, tracking),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("what", choices=PROFILES)
    parser.add_argument("--jobs", type=int, default=5000)
    parser.add_argument("--kind", default="interval")
    parser.add_argument("--top", type=int, default=45)
    parser.add_argument("--sort", default="tottime")
    parser.add_argument("--sqlite", action="store_true", help="on SQLite in place of PostgreSQL")
    options = parser.parse_args()
    from scheduler import garbage

    prepare, work = PROFILES[options.what]
    with servers("sqlite" if options.sqlite else "postgres") as where:
        prepare(where, 500, options.kind)
        work(where, 500, options.kind)  # what is done once in a process's life is not what costs
        garbage.pass_over_what_is_loaded()  # as the processes do
        prepare(where, options.jobs, options.kind)
        own, servers_own, wall = time.process_time(), spent(where.servers), time.monotonic()
        work(where, options.jobs, options.kind)
        own, servers_own = time.process_time() - own, spent(where.servers) - servers_own
        wall = time.monotonic() - wall
        prepare(where, options.jobs, options.kind)
        profiler = cProfile.Profile()
        profiler.runcall(work, where, options.jobs, options.kind)
    pstats.Stats(profiler).strip_dirs().sort_stats(options.sort).print_stats(options.top)
    each = 1e6 / options.jobs
    print(
        f"without the profiler, for each: {own * each:.0f} µs of this process's CPU,"
        f" {servers_own * each:.0f} µs of the servers', {wall * each:.0f} µs in all"
    )


if __name__ == "__main__":
    main()
