"""Schedulers that are killed, stopped and told to end while they work."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock, reach, runs
from scheduler.engine.passes import plan_due
from scheduler.known_tasks import KnownTasks
from scheduler.models import State, TaskRun
from scheduler.publishing import Publisher, publish
from tests.conftest import _valkey
from tests.faults.conftest import SCALE
from tests.faults.site import WORK, Site
from tests.programs import Program
from tests.waiting import wait_for

STOPS_WITHIN = 5.0


@pytest.mark.short
def test_random_kills_of_schedulers_under_load_lose_and_double_nothing(site: Site) -> None:
    kills = int(200 * SCALE)
    lasting = max(20.0, kills * 1.2)
    site.start_workers(1, concurrency=2)
    site.start_schedulers(3)
    site.add_jobs(50, period=1.0, lasting=lasting, begin=2.0)
    for _ in range(kills):
        site.kill(site.random.choice(site.schedulers))
        site.schedulers.append(site.cluster.scheduler(wait=False))
        site.wait_until_fired(within=20, count=site.random.randint(1, 60))
    site.wait_for_the_end(timeout=lasting + 120)
    site.check()


def test_four_schedulers_share_ten_thousand_firings_of_intervals_and_one_offs(site: Site) -> None:
    one_offs = int(500 * SCALE)
    lasting = 94.0 * SCALE
    site.start_workers(1, concurrency=2)
    site.start_schedulers(4)
    site.add_jobs(100, period=1.0, lasting=lasting, begin=3.0)
    first = clock.now().replace(microsecond=0) + timedelta(seconds=5)
    for number in range(one_offs):
        at = first + timedelta(seconds=site.random.randint(0, int(lasting)))
        site.add_one_off(f"once-{number}", at)
    site.wait_for_the_end(timeout=lasting + 180)
    site.check()


@pytest.mark.short
def test_a_stopped_scheduler_holds_up_nobody_and_doubles_nothing_when_it_goes_on(site: Site) -> None:
    times = max(2, int(10 * SCALE))
    site.start_workers(1, concurrency=2)
    site.start_schedulers(2)
    site.add_jobs(20, period=1.0, lasting=times * 6.0, begin=2.0)
    for _ in range(times):
        stopped = site.random.choice(site.schedulers)
        stopped.signal(signal.SIGSTOP)
        site.report.faults += 1
        site.wait_until_fired(within=15, count=20)
        stopped.signal(signal.SIGCONT)
        site.wait_until_fired(within=15, count=20)
    site.wait_for_the_end(timeout=times * 6 + 60)
    site.check()


@contextmanager
def stopped_child(work: Callable[[], None]) -> Iterator[int]:
    """Fork a process that does `work` and stops itself somewhere in it; it goes on, and is awaited, at the end."""
    pid = os.fork()
    if pid == 0:
        try:
            connection.connection = None  # the parent's socket is the parent's
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    try:
        assert os.WIFSTOPPED(os.waitpid(pid, os.WUNTRACED)[1])
        yield pid
    finally:
        os.kill(pid, signal.SIGCONT)
        os.waitpid(pid, 0)


def one_pass(later: timedelta = timedelta()) -> None:
    publisher = Publisher(5)
    with reach.limited(connection):
        publish(publisher, plan_due(clock.now(), KnownTasks(), limit=500).new)
        publish(publisher, runs.take_unpublished(clock.now() + later, 500))
    publisher.close()


@pytest.mark.short
def test_a_scheduler_stopped_in_mid_transaction_holds_a_row_for_ten_seconds_at_most(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one write lock for a whole file, and a stopped process keeps it (docs/lifecycle.md)")
    _valkey.start()
    due = clock.now()
    add_job(WORK, "interval", id="it", seconds=3600, start_date=due, timezone="UTC", kwargs={"ledger": "-"})
    DjangoJob.objects.update(next_run_time=due)
    from scheduler import jobstore

    advance = jobstore.advance

    def stop_then_advance(moves: list[object]) -> None:
        os.kill(os.getpid(), signal.SIGSTOP)
        advance(moves)

    def work() -> None:
        monkeypatch.setattr(jobstore, "advance", stop_then_advance)
        one_pass()

    started = time.monotonic()
    with stopped_child(work):
        one_pass()
        assert not TaskRun.objects.exists(), "the stopped process does not hold the row: the test has missed its point"

        def others_did() -> bool:
            one_pass()
            return TaskRun.objects.filter(state=State.QUEUED).exists()

        wait_for(others_did, what="the row to be free", timeout=10)
        assert time.monotonic() - started < 10
    assert TaskRun.objects.count() == 1, "the process that went on has doubled the firing"
    assert DjangoJob.objects.get().next_run_time == due + timedelta(seconds=3600)


@pytest.mark.short
def test_a_scheduler_stopped_between_commit_and_publish_doubles_nothing(database: None) -> None:
    _valkey.start()
    with _valkey.client() as client:
        client.flushall()
    due = clock.now()
    add_job(WORK, "interval", id="it", seconds=3600, start_date=due, timezone="UTC", kwargs={"ledger": "-"})
    DjangoJob.objects.update(next_run_time=due)

    def work() -> None:
        new = plan_due(clock.now(), KnownTasks(), limit=500).new
        os.kill(os.getpid(), signal.SIGSTOP)
        publish(Publisher(5), new)

    with stopped_child(work):
        one_pass(later=timedelta(seconds=60))
        assert TaskRun.objects.get().state == State.QUEUED
    with _valkey.client() as client:
        assert client.llen("default") == 2, "the process that went on sends its message too"
    run = TaskRun.objects.get()
    claimed = [
        runs.claim(connection, str(run.id), 1, WORK, worker="w", process=None, pid=n, now=clock.now()) for n in (1, 2)
    ]
    assert [claim is not None for claim in claimed] == [True, False]


def test_told_to_end_under_load_and_with_a_slow_broker_all_stop_in_time_and_lose_nothing(site: Site) -> None:
    rounds = max(1, int(5 * SCALE))
    site.broker.delay = 0.1
    site.start_workers(2, concurrency=2)
    site.start_schedulers(2)
    site.add_jobs(30, period=1.0, seconds=0.02, lasting=rounds * 15.0, begin=2.0)
    for _ in range(rounds):
        site.wait_until_fired(within=60, count=20)
        for program in [*site.schedulers, site.workers[0]]:
            end(site, program)
        site.start_schedulers(2)
        site.start_workers(1, concurrency=2)
    site.broker.delay = 0.0
    site.wait_for_the_end(timeout=rounds * 15 + 120)
    site.check()
    again = sum(program.output.count("not claimed") for program in site.cluster.programs)
    site.report.notes.append(f"{again} messages of runs that had been claimed")


def end(site: Site, program: Program) -> None:
    """SIGTERM a process and see it end: a scheduler within five seconds, a worker when its tasks are done."""
    is_scheduler = program in site.schedulers
    started = time.monotonic()
    try:
        code = program.terminate(timeout=STOPS_WITHIN if is_scheduler else 30)
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{program} did not end within its limit:\n{program.output[-2000:]}") from None
    assert code == 0, f"{program} ended with {code}"
    site.report.notes.append(f"{program.name} ended in {time.monotonic() - started:.1f} s")
    (site.schedulers if is_scheduler else site.workers).remove(program)
    site.report.faults += 1
