"""Schedulers that are killed, stopped and told to end while they work."""

from __future__ import annotations

import signal
import time

from tests.faults.site import Site


def test_random_kills_of_schedulers_under_load_lose_and_double_nothing(site: Site) -> None:
    site.start_workers(1, concurrency=2)
    site.start_schedulers(3)
    site.add_jobs(20, period=1.0, lasting=30.0, begin=2.0)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        victim = site.random.choice(site.schedulers)
        site.kill(victim)
        site.start_schedulers(1)
    site.wait_for_the_end()
    site.check()


def test_a_stopped_scheduler_holds_up_nobody_and_doubles_nothing_when_it_goes_on(site: Site) -> None:
    site.start_workers(1, concurrency=2)
    site.start_schedulers(2)
    site.add_jobs(20, period=1.0, lasting=25.0, begin=2.0)
    for _ in range(3):
        stopped = site.random.choice(site.schedulers)
        stopped.signal(signal.SIGSTOP)
        site.report.faults += 1
        site.wait_until_fired(within=10, count=20)
        stopped.signal(signal.SIGCONT)
        site.wait_until_fired(within=10, count=20)
    site.wait_for_the_end()
    site.check()
