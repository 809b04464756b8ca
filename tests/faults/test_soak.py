"""Everything at once, for as long as one likes: a random fault every ten seconds. FAULT_SOAK=seconds sets how long."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil

from scheduler.models import State, TaskRun
from tests.conftest import _postgres
from tests.faults.conftest import SCALE
from tests.faults.site import Site
from tests.programs import Program
from tests.waiting import wait_for

SECONDS = float(os.environ.get("FAULT_SOAK") or 1200 * SCALE)
EVERY = 10.0
SLOPE_BYTES_PER_MINUTE = 1_000_000
RESUMES = 90.0
"""Seconds in which runs succeed again after a fault; jobs fire on for so long after the last one."""
WARM_UP = 60.0
"""Seconds in which caches fill; memory is watched after them."""


class Faults:
    """The list to draw from. Each fault heals by itself within a few seconds."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.all: list[Callable[[], None]] = [
            self.kill_a_scheduler, self.stop_a_scheduler, self.end_a_scheduler, self.kill_a_child, self.kill_a_worker,
            self.flush_the_broker, self.restart_the_broker, self.blackhole_the_broker, self.reset_the_broker,
        ]  # fmt: skip
        if _postgres is not None:
            self.all += [self.restart_the_database, self.reset_the_database, self.blackhole_the_database]

    def kill_a_scheduler(self) -> None:
        self.site.kill(self.site.schedulers[0])
        self.site.start_schedulers(1)

    def end_a_scheduler(self) -> None:
        program = self.site.schedulers.pop(0)
        program.terminate(timeout=6)
        self.site.start_schedulers(1)

    def stop_a_scheduler(self) -> None:
        program = self.site.random.choice(self.site.schedulers)
        program.signal(signal.SIGSTOP)
        if _postgres is not None:
            self.site.wait_until_fired(within=20, count=5)
        else:  # SQLite has one write lock for a whole file, and a stopped process keeps it (docs/lifecycle.md)
            time.sleep(3)
        program.signal(signal.SIGCONT)

    def kill_a_child(self) -> None:
        children = psutil.Process(self.site.workers[0].pid).children()
        with suppress(ProcessLookupError):
            os.kill(self.site.random.choice(children).pid, signal.SIGKILL)

    def kill_a_worker(self) -> None:
        self.site.kill(self.site.workers[0], group=True)
        self.site.start_workers(1, concurrency=2)

    def flush_the_broker(self) -> None:
        with self.site.valkey.client() as client:
            client.flushall()

    def restart_the_broker(self) -> None:
        self.site.valkey.kill()
        self.site.valkey.start()

    def blackhole_the_broker(self) -> None:
        self._cut(self.site.broker.set, "blackhole")

    def reset_the_broker(self) -> None:
        self._cut(self.site.broker.set, "reset")

    def restart_the_database(self) -> None:
        assert _postgres is not None
        _postgres.kill()
        _postgres.start()
        from django.db import connection

        connection.close()

    def reset_the_database(self) -> None:
        assert self.site.database is not None
        self.site.database.cut()

    def blackhole_the_database(self) -> None:
        assert self.site.database is not None
        self._cut(self.site.database.set, "blackhole")

    def _cut(self, line: Callable[..., None], how: str) -> None:
        line(how)
        time.sleep(3)  # the length of the outage
        line("pass")


def memory(programs: list[Program]) -> dict[int, tuple[float, int, int]]:
    """Return resident bytes, threads and open sockets of each process that lives."""
    found = {}
    for program in programs:
        with suppress(psutil.Error):
            process = psutil.Process(program.pid)
            sockets = len(process.net_connections(kind="tcp"))
            found[program.pid] = (float(process.memory_info().rss), process.num_threads(), sockets)
    return found


def slope(samples: list[tuple[float, float]]) -> float:
    """Return the growth in bytes a minute, by least squares."""
    count = len(samples)
    mean_t, mean_v = sum(t for t, _ in samples) / count, sum(v for _, v in samples) / count
    spread = sum((t - mean_t) ** 2 for t, _ in samples)
    return 60 * sum((t - mean_t) * (v - mean_v) for t, v in samples) / spread if spread else 0.0


def test_a_random_fault_every_ten_seconds(site: Site) -> None:
    site.start_workers(2, concurrency=2)
    steady = site.start_schedulers(3)[-1]  # killed by nobody: its memory is watched
    faults = Faults(site)
    site.add_jobs(10, period=1.0, seconds=0.02, lasting=SECONDS + RESUMES, begin=2.0, prefix="at-most-once")
    site.add_jobs(5, period=1.0, seconds=0.02, lasting=SECONDS + RESUMES, begin=2.0, prefix="again", on_lost="retry")
    samples: list[tuple[float, float]] = []
    threads: list[int] = []
    sockets: list[int] = []
    began = time.monotonic()
    while (now := time.monotonic() - began) < SECONDS:
        fault = site.random.choice(faults.all)
        site.report.notes.append(fault.__name__)
        site.schedulers = [p for p in site.schedulers if p is not steady] + [steady]
        fault()
        site.report.faults += 1
        site.wait_until_fired(within=RESUMES, count=10)
        rss, thread_count, socket_count = memory([steady])[steady.pid]
        if now > WARM_UP:
            samples.append((now, rss))
        threads.append(thread_count)
        sockets.append(socket_count)
        rest = EVERY - (time.monotonic() - began - now)
        if rest > 0:
            time.sleep(rest)  # the pace of the faults
    site.wait_for_the_end(timeout=RESUMES + 180)
    site.check(all_succeed=False)
    ended = TaskRun.objects.exclude(state=State.SUCCESS).count()
    grew = slope(samples) if len(samples) > 10 else 0.0
    site.report.notes = [
        f"{len(set(site.report.notes))} kinds of fault, {ended} runs lost with their worker,"
        f" {grew / 1e6:+.2f} MB/min, {max(threads)} threads, {max(sockets)} sockets at most"
    ]
    assert grew < SLOPE_BYTES_PER_MINUTE
    assert max(threads) <= 12, f"threads pile up: {threads}"
    assert max(sockets) <= 8, f"connections pile up: {sockets}"
    wait_for(lambda: all(program.is_running for program in site.schedulers + site.workers), what="all to be alive")
