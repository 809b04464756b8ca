"""Workers that are killed while they work: children, main processes, whole groups; messages and outcomes on the way."""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from datetime import timedelta

import pytest
from celery import current_app
from django.db import connection

from scheduler import clock
from scheduler.models import State, TaskRun
from scheduler.runs import firing_id
from tests.faults.conftest import SCALE
from tests.faults.site import Site
from tests.faults.test_hurtful_tasks import add_once
from tests.programs import Program
from tests.waiting import stays_true, wait_for

WORKERS = 3
MOST_ATTEMPTS = 6


def ready(site: Site) -> list[Program]:
    return [worker for worker in site.workers if site.cluster._ready(worker)]


def kill_child(site: Site) -> None:
    """Kill a pool process that is in a task's body."""

    def running() -> list[int]:
        return list(TaskRun.objects.filter(state=State.RUNNING).values_list("pid", flat=True))

    mine = {pid for worker in site.workers for pid in children(worker.pid)}
    found = wait_for(lambda: [pid for pid in running() if pid in mine], what="a body to run", timeout=20)
    with suppress(ProcessLookupError):
        os.kill(site.random.choice(found), signal.SIGKILL)
    site.report.faults += 1


def children(pid: int) -> list[int]:
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def kill_worker(site: Site, *, group: bool) -> None:
    """Kill a worker that is at work, and start another one in its place, as a supervisor would."""
    found = wait_for(lambda: ready(site), what="a worker to be ready", timeout=60)
    victim = site.random.choice(found)
    site.kill(victim, group=group)
    site.workers.append(site.cluster.worker(concurrency=2, wait=False, MAX_ATTEMPTS=MOST_ATTEMPTS))


@pytest.mark.parametrize("victim", [pytest.param("child", marks=pytest.mark.short), "main", "group"])
def test_killed_workers_cost_no_run_its_end_and_no_job_its_word(site: Site, victim: str) -> None:
    kills = max(5, round(100 * SCALE))
    lasting = max(15.0, kills * (0.5 if victim == "child" else 1.5))
    site.start_schedulers(2, MAX_ATTEMPTS=MOST_ATTEMPTS)
    site.start_workers(WORKERS, MAX_ATTEMPTS=MOST_ATTEMPTS)
    # As much work as the pools can do: 12 tasks a second of half a second each, for six processes.
    site.add_jobs(6, lasting=lasting, seconds=0.5, begin=3, prefix="fail")
    site.add_jobs(6, lasting=lasting, seconds=0.5, begin=3, prefix="retry", on_lost="retry")
    wait_for(lambda: TaskRun.objects.filter(state=State.RUNNING).exists(), what="a body to run", timeout=20)
    begin = time.monotonic()
    for number in range(kills):
        if victim == "child":
            kill_child(site)
        else:
            kill_worker(site, group=victim == "group")
        pause = begin + (number + 1) * lasting / kills - time.monotonic()
        if pause > 0:
            time.sleep(pause)  # spread over the time in which the jobs fire
    site.wait_until_fired(within=60)
    site.wait_for_the_end(timeout=120 + kills)
    site.check(all_succeed=False)
    check_words(site, kills)
    assert len([worker for worker in site.workers if worker.is_running]) == WORKERS


def check_words(site: Site, kills: int) -> None:
    """Check the jobs' promise: `fail` never runs twice, `retry` runs until it is done or has had its attempts."""
    starts = Counter(words[1] for words in site.lines() if words[0] == "start")
    lost = 0
    for run in TaskRun.objects.filter(job_id__startswith="fail-"):
        assert run.state in (State.SUCCESS, State.LOST), f"{run}: {run.reason}"
        assert run.attempt == 1
        assert starts[str(run.id)] <= 1, f"{run} ran again"
        lost += run.state == State.LOST
    again = 0
    for run in TaskRun.objects.filter(job_id__startswith="retry-"):
        assert run.state == State.SUCCESS or run.attempt == MOST_ATTEMPTS, f"{run}: {run.reason}"
        again += run.attempt - 1
    assert lost + again > 0, "no kill has hit a body"
    site.report.notes.append(f"{lost} lost, {again} further attempts")


def test_a_run_that_waits_for_its_own_retry_outlives_its_worker(site: Site) -> None:
    site.start_schedulers(1)
    for number in range(max(1, round(5 * SCALE))):
        site.start_workers(1)
        kwargs = {"ledger": site.ledger, "countdown": 3.0}
        job_id = f"retries-{number}"
        add_once(site, job_id, "retry_later", clock.now() + timedelta(seconds=2), kwargs=kwargs)
        waiting = TaskRun.objects.filter(job_id=job_id, state=State.RETRYING)
        wait_for(waiting.exists, what="the first attempt to end", timeout=30)
        site.kill(site.workers[0], group=True)
    site.start_workers(1)
    site.wait_for_the_end()
    site.check()
    assert set(TaskRun.objects.values_list("attempt", "retries", "state")) == {(2, 1, State.SUCCESS)}


@pytest.mark.short
def test_a_worker_told_to_end_hears_of_what_it_has_just_handed_over(site: Site) -> None:
    """The process stands still between being handed a run and saying that it begins, as on a busy machine.

    On a very busy one the worker may be told to end before it has handed the run over. Such a run's message is dropped,
    and sent again by the scheduler. Another worker takes it, so that the next one has room for its own.
    """
    site.start_schedulers(1)
    for number in range(max(1, round(5 * SCALE))):
        (worker,) = site.start_workers(1, concurrency=1)
        (child,) = children(worker.pid)
        os.kill(child, signal.SIGSTOP)
        at = clock.now() + timedelta(seconds=1)
        add_once(site, f"handed-{number}", "work", at, kwargs={"ledger": site.ledger})
        received = f"[{firing_id(f'handed-{number}', at)}] received"
        wait_for(lambda w=worker, r=received: r in w.output, what="the run to be handed over", timeout=30)
        worker.signal(signal.SIGTERM)
        with site.valkey.client() as broker:
            wait_for(lambda b=broker: not (b.pubsub_channels() or b.pubsub_numpat()), what="its loop to end")
        os.kill(child, signal.SIGCONT)
        assert worker.wait(timeout=15) == 0
        site.workers.remove(worker)
        site.report.faults += 1
        if site.live():
            (another,) = site.start_workers(1)
            wait_for(lambda: site.live() == 0, what="all runs to end", timeout=30)
            assert another.terminate(timeout=15) == 0
            site.workers.remove(another)
    site.wait_for_the_end()
    site.check()


def test_messages_lost_from_a_deep_backlog_are_found_without_flooding_it(site: Site) -> None:
    """Lost ones are masked by what others put into the same queue, and by runs that were queued a moment ago."""
    jobs, deep, gone = 100, max(5, round(20 * SCALE)), 30
    site.start_schedulers(2)
    site.add_jobs(jobs, lasting=deep - 1, begin=6, prefix="deep")
    planned = sum(len(plan.instants()) for plan in site.planned)
    queued = TaskRun.objects.filter(state=State.QUEUED, job_id__startswith="deep")
    wait_for(lambda: queued.count() == planned, what="the backlog", timeout=90)
    address = f"redis://127.0.0.1:{site.valkey.port}/0"
    with site.valkey.client() as broker, current_app.connection_for_write(address) as line:
        for _ in range(200):
            current_app.send_task("tests.app.tasks.do_nothing", connection=line)
        raw = broker.lrange("default", 0, -1)
        lost = random.Random(site.random.random()).sample(raw[200:], gone)
        site.add_jobs(10, lasting=30, begin=2, prefix="new")
        wait_for(lambda: TaskRun.objects.filter(job_id__startswith="new").exists(), what="new runs", timeout=20)
        for message in lost:
            broker.lrem("default", 1, message)
        site.report.faults = gone

        def told() -> list[str]:
            return [line for s in site.schedulers for line in s.output.splitlines() if "they are sent again" in line]

        wait_for(told, what="the lost messages to be missed, with the backlog as it is", timeout=30)
        site.start_workers(2)
        site.wait_for_the_end(timeout=120)
    site.check()
    number = sum(int(line.split("lost ")[1].split()[0]) for line in told())
    site.report.notes.append(f"{number} messages sent again, with {planned} queued")
    assert gone <= number <= 2 * gone, told()


@pytest.mark.skipif(connection.vendor == "sqlite", reason="cuts the line to a database server")
@pytest.mark.parametrize("then", ["limits", "shutdown"])
def test_an_outcome_that_waits_for_the_database_is_told_in_the_end(site: Site, then: str) -> None:
    """Time limits that run out, or a warm shutdown, find the body ended and the database away."""
    assert site.database is not None
    site.start_schedulers(1)
    (worker,) = site.start_workers(1, LOST_AFTER=30)
    begin = clock.now().replace(microsecond=0) + timedelta(seconds=2)
    kwargs = {"ledger": site.ledger, "seconds": 2.0}
    for number in range(2):
        add_once(site, f"waits-{number}", "work", begin, kwargs=kwargs, soft_time_limit=5, time_limit=7)
    wait_for(lambda: TaskRun.objects.filter(state=State.RUNNING).count() == 2, what="both to run", timeout=30)
    site.database.set("refuse")
    site.report.faults = 1
    wait_for(lambda: sum(words[0] == "end" for words in site.lines()) == 2, what="both bodies to end")
    if then == "limits":
        stays_true(lambda: worker.is_running, seconds=8)
    else:
        worker.signal(signal.SIGTERM)
        stays_true(lambda: worker.is_running, seconds=4, what="a worker that has something to tell")
    site.database.set("pass")
    if then == "shutdown":
        worker.wait(timeout=20)
    site.wait_for_the_end(timeout=30)
    site.check()
