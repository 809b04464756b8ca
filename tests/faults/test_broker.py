"""Redis that restarts empty, forgets, freezes, vanishes, is full or refuses what is asked: runs wait, none is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Literal

import pytest
import redis

from scheduler import clock
from scheduler.models import LIVE, State, TaskRun
from tests.faults.conftest import SCALE
from tests.faults.site import Site
from tests.programs import free_port
from tests.waiting import stays_true, wait_for

HEALED_WITHIN = 30.0
"""Seconds from healing until every run of the outage has ended."""
JOBS = 5


def times(count: int) -> int:
    return max(2, round(count * SCALE))


def seconds(length: float) -> float:
    """Return an outage's length, long enough at every scale for runs to pile up."""
    return max(12.0, length * SCALE)


def start(site: Site, *, lasting: float) -> None:
    """Start two schedulers, a worker and jobs that fire each second for so long; wait until the first runs ended."""
    site.start_workers(1)
    site.start_schedulers(2)
    site.add_jobs(JOBS, lasting=lasting, begin=3)
    site.wait_until_fired(within=20, count=JOBS)
    site.report.recovery = 0.0


def pending_since(at: datetime) -> int:
    return TaskRun.objects.filter(state=State.PENDING, created_at__gte=at).count()


def outage(site: Site, begin: Callable[[], object], heal: Callable[[], object], *, lasts: float) -> None:
    """Break the broker for a while: jobs go on firing as pending runs, and all of them end soon after it has healed."""
    processes = [*site.schedulers, *site.workers]
    began = clock.now()
    begin()
    site.report.faults += 1
    stays_true(lambda: all(program.is_running for program in processes), seconds=lasts, what="every process")
    waiting = pending_since(began)
    assert waiting >= JOBS * (lasts - 8), f"firing did not go on while the broker was away: {waiting} pending"
    heal()
    healed = clock.now()
    site.wait_until_fired(within=HEALED_WITHIN)
    wait_for(
        lambda: not TaskRun.objects.filter(created_at__lt=healed, state__in=LIVE).exists(),
        what="the runs of the outage to end", timeout=HEALED_WITHIN,
    )  # fmt: skip
    took = (clock.now() - healed).total_seconds()
    assert took < HEALED_WITHIN
    site.report.notes.append(f"{waiting} pending, drained {took:.1f} s after healing")


def end(site: Site, processes: int = 3) -> None:
    """Let the jobs end; nothing is lost or doubled, and no process was restarted (I7)."""
    site.wait_for_the_end(timeout=90)
    site.check()
    running = [program for program in (*site.schedulers, *site.workers) if program.is_running]
    assert len(running) == processes, "a process has ended"
    for scheduler in site.schedulers:
        assert "Traceback" not in scheduler.output, "an outage is told in one line"


@pytest.mark.short
def test_a_broker_that_restarts_empty_again_and_again_loses_no_run(site: Site) -> None:
    count = times(20)
    start(site, lasting=4.0 * count)
    for _ in range(count):
        site.valkey.kill()
        site.valkey.start()
        site.report.faults += 1
        site.wait_until_fired(within=60, count=JOBS)
    end(site)


def test_a_worker_whose_acknowledgements_all_failed_takes_messages_again(site: Site) -> None:
    """With as many messages as it may hold, it reads nothing from the broker, and sees nothing of the restart."""
    site.start_workers(1)
    site.start_schedulers(1)
    site.add_jobs(4, lasting=10.0 * times(3), begin=3, period=2.0, seconds=1.5)
    for _ in range(times(3)):
        wait_for(lambda: TaskRun.objects.filter(state=State.QUEUED).count() > 2, what="a full worker", timeout=60)
        site.valkey.kill()
        site.report.faults += 1
        stays_true(lambda: site.workers[0].is_running, seconds=6)
        site.valkey.start()
        site.wait_until_fired(within=60, count=JOBS)
    end(site, processes=2)


@pytest.mark.parametrize("mode", ["refuse", pytest.param("reset", marks=pytest.mark.short)])
def test_what_a_worker_held_when_its_line_broke_is_sent_again(site: Site, mode: Literal["refuse", "reset"]) -> None:
    """It can't give back what no process has begun with, and lives on: nobody's death tells of these messages."""
    site.start_workers(1, concurrency=1)
    site.start_schedulers(1)
    site.add_jobs(4, lasting=0, begin=3, seconds=4.0)
    with site.valkey.client() as broker:
        wait_for(lambda: broker.hlen("unacked") >= 2, what="a worker that holds what it has not begun with", timeout=20)
    site.broker.set(mode)
    site.report.faults += 1
    stays_true(lambda: site.workers[0].is_running, seconds=4)
    site.broker.set("pass")
    end(site, processes=2)


@pytest.mark.short
def test_a_flushed_broker_gets_every_queued_message_again(site: Site) -> None:
    site.start_schedulers(1)
    site.add_jobs(50, lasting=round(9 * max(SCALE, 0.3)), begin=5)
    planned = sum(len(plan.instants()) for plan in site.planned)
    wait_for(lambda: TaskRun.objects.filter(state=State.QUEUED).count() == planned, what="the backlog", timeout=60)
    count = times(20)
    with site.valkey.client() as broker:
        for _ in range(count - count // 2):
            broker.flushall()
            site.report.faults += 1
            wait_for(lambda: broker.llen("default") >= planned, what="the messages to be there again", timeout=30)
        site.start_workers(1)
        for _ in range(count // 2):
            ended = site.fired(site.planned[0].first)
            broker.flushall()
            site.report.faults += 1
            site.wait_until_fired(within=30, count=min(10, planned - ended))
            if site.live() == 0:
                break
    end(site, processes=2)


def test_a_frozen_broker_holds_runs_up_and_loses_none(site: Site) -> None:
    lasts = seconds(60)
    start(site, lasting=lasts + 10)
    outage(site, site.valkey.pause, site.valkey.resume, lasts=lasts)
    end(site)


@pytest.mark.parametrize("mode", ["blackhole", "half-close", "refuse"])
def test_a_broken_line_to_the_broker_holds_runs_up_and_loses_none(site: Site, mode: str) -> None:
    lasts = seconds(30)
    start(site, lasting=lasts + 10)
    outage(site, lambda: site.broker.set(mode), lambda: site.broker.set("pass"), lasts=lasts)
    end(site)


def test_a_full_broker_holds_runs_up_and_loses_none(site: Site) -> None:
    lasts = seconds(30)
    start(site, lasting=lasts + 10)
    with site.valkey.client() as broker:
        outage(
            site,
            lambda: broker.config_set("maxmemory", "1"),
            lambda: broker.config_set("maxmemory", "0"),
            lasts=lasts,
        )
    end(site)


def test_a_broker_that_became_a_read_only_replica_holds_runs_up_and_loses_none(site: Site) -> None:
    lasts = seconds(30)
    start(site, lasting=lasts + 10)
    with site.valkey.client() as broker:
        outage(
            site,
            lambda: broker.replicaof("127.0.0.1", str(free_port())),
            lambda: broker.replicaof("NO", "ONE"),
            lasts=lasts,
        )
    end(site)


def test_a_broker_that_refuses_the_password_holds_runs_up_and_loses_none(site: Site) -> None:
    lasts = seconds(30)
    site.cluster.env["BROKER_URL"] = site.cluster.env["BROKER_URL"].replace("redis://", "redis://:right@")
    broker = site.valkey.client()
    broker.config_set("requirepass", "right")
    broker = redis.Redis(port=site.valkey.port, password="right", socket_timeout=5)

    def change(password: str) -> None:
        broker.config_set("requirepass", password)
        broker.client_kill_filter(_type="normal", skipme=True)
        broker.client_kill_filter(_type="pubsub", skipme=True)

    start(site, lasting=lasts + 10)
    outage(site, lambda: change("other"), lambda: change("right"), lasts=lasts)
    end(site)
