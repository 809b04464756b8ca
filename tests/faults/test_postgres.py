"""PostgreSQL that restarts, vanishes, swallows an answer, is full, locked or read-only: no outcome is lost."""

from __future__ import annotations

import os
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import connection

from scheduler import clock
from scheduler.models import State, TaskRun
from tests.faults.conftest import DATABASE, SCALE
from tests.faults.site import WORK, Site
from tests.programs import Program
from tests.waiting import stays_true, wait_for

pytestmark = pytest.mark.skipif(DATABASE != "postgres", reason="needs TEST_DATABASE=postgres")

RESUMES_WITHIN = 5.0
"""Seconds from healing until runs succeed again (I6), and the machine's own slowness on top."""
SLOWNESS = 5.0
JOBS = 10
OUT, BACK = "Database out of reach", "Database back after"


def start(site: Site, *, lasting: float, **options: Any) -> None:
    """Start two schedulers, two workers and jobs that fire each second for so long; wait until the first runs ended."""
    site.start_workers(2, concurrency=2, **options)
    site.start_schedulers(2, **options)
    site.add_jobs(JOBS, lasting=lasting, begin=3)
    site.wait_until_fired(within=20, count=JOBS)
    site.report.recovery = 0.0


def end(site: Site, *, outages: int, exactly: bool = False, patience: float = 120) -> None:
    """Wait for the end: nothing lost or doubled, the same processes, and one line per outage and per recovery."""
    left = (max(plan.last for plan in site.planned) - clock.now()).total_seconds()
    site.wait_for_the_end(timeout=max(left, 0) + patience)
    site.check()
    processes = [*site.schedulers, *site.workers]
    assert all(program.is_running for program in processes), "a process has ended (I7)"
    assert len(processes) == 4
    for program in processes:
        out, back = told(program, OUT), told(program, BACK)
        assert out == back, f"{program}: outages and recoveries don't match: {out}, {back}"
        assert max(out.values(), default=0) <= outages, f"{program} repeats itself: {out}"
        assert "Traceback" not in program.output, f"{program} tells an outage in a traceback"
        if exactly and program in site.schedulers:
            assert out[str(program.pid)] == outages


def told(program: Program, words: str) -> Counter[str]:
    """Return how many lines with these words each process has written into a program's log."""
    line = re.compile(rf"^\S+ \S+ \w+ +(\d+) scheduler\.\S*: {words}", re.MULTILINE)
    return Counter(line.findall(program.output))


def resumes(site: Site) -> None:
    """See firing resume after a fault that is over."""
    connection.close()  # the test's own, which the fault may have cut
    site.report.faults += 1
    site.wait_until_fired(within=RESUMES_WITHIN + SLOWNESS)


@contextmanager
def directly(site: Site, **options: Any) -> Iterator[psycopg.Connection]:
    """Open a connection to the server that no fault of the proxy's touches, without a transaction."""
    assert site.postgres is not None
    with psycopg.connect(site.postgres.url, autocommit=True, **options) as mine:
        yield mine


@pytest.mark.short
def test_a_database_that_crashes_again_and_again_loses_no_run(site: Site) -> None:
    count = max(3, int(30 * SCALE))
    start(site, lasting=count * 3.0)
    assert site.postgres is not None
    for _ in range(count):
        time.sleep(site.random.uniform(0.0, 1.5))  # so that it comes at any moment of a pass or a task
        site.postgres.crash()
        site.postgres.start()
        resumes(site)
    end(site, outages=count)


@pytest.mark.short
def test_an_answer_that_is_swallowed_leaves_nothing_undone_or_done_twice(site: Site) -> None:
    count = max(12, int(60 * SCALE))
    words = [
        b"COMMIT",
        b"UPDATE scheduler_taskrun SET state",
        b"tickwork_",  # a prepared statement: an attempt's claim, or its outcome
        b"INSERT INTO scheduler_taskrun",
    ]
    start(site, lasting=count * 2.5)
    assert site.database is not None
    for number in range(count):
        site.database.trap(words[number % len(words)], after=number // len(words) % 2 == 0)
        wait_for(
            lambda n=number: site.database.caught > n,
            what=f"somebody to say {words[number % len(words)]!r}",
            timeout=20,
        )
        site.report.faults += 1
        time.sleep(site.random.uniform(0.0, 0.4))
    resumes(site)
    end(site, outages=count)


def test_connections_that_fall_silent_are_given_up_and_opened_anew(site: Site) -> None:
    count = max(1, int(5 * SCALE))
    start(site, lasting=count * 60.0, DATABASE_TIMEOUT=4, LOST_AFTER=30)
    assert site.database is not None
    for _ in range(count):
        site.database.set("blackhole")
        stays_true(
            lambda: all(p.is_running for p in site.schedulers), seconds=site.random.uniform(2, 20), what="schedulers"
        )
        # Not set(): that would cut what was open, and nobody would have to notice by himself that it is dead.
        site.database.mode = "pass"
        connection.close()
        site.report.faults += 1
        site.wait_until_fired(within=4 + 10 + RESUMES_WITHIN)  # patience with an answer, then with a connection
    end(site, outages=count, patience=180)


def test_a_server_without_a_free_connection_is_waited_for(site: Site) -> None:
    lasts = max(10.0, 30 * SCALE)
    start(site, lasting=lasts + 30)
    assert site.postgres is not None and site.database is not None
    held: list[psycopg.Connection] = []

    def take_all() -> None:
        with suppress(psycopg.OperationalError):
            while len(held) < 400:
                held.append(psycopg.connect(site.postgres.url))

    connection.ensure_connection()
    try:
        take_all()
        deadline = time.monotonic() + lasts
        while time.monotonic() < deadline:
            site.database.cut()
            take_all()
            time.sleep(1)
        before = clock.now()
        stays_true(lambda: site.fired(before) == 0, seconds=2, what="nothing to fire without a connection")
    finally:
        for one in held:
            one.close()
    site.report.notes.append(f"{len(held)} connections held")
    resumes(site)
    end(site, outages=3)


def test_a_job_that_somebody_has_locked_holds_up_no_other(site: Site) -> None:
    lasts = max(12.0, 30 * SCALE)
    start(site, lasting=lasts + 20)
    with directly(site) as mine, mine.transaction():
        for table, column in (("django_apscheduler_djangojob", "id"), ("scheduler_scheduledtask", "job_id")):
            mine.execute(f"SELECT 1 FROM {table} WHERE {column} = 'job-0' FOR UPDATE")
        locked_at, used = clock.now(), cpu_seconds(site)
        others_fire(site, locked_at, lasts)
        used = cpu_seconds(site) - used
        assert used < lasts / 2, f"the schedulers used {used:.1f} s of CPU while a row was locked: a busy loop"
        late = TaskRun.objects.filter(job_id="job-0", state=State.SUCCESS, scheduled_at__gt=locked_at).count()
        assert late <= 1, "the lock was not what the test is about"
    resumes(site)
    end(site, outages=0)


def test_a_run_that_somebody_has_locked_holds_up_no_other(site: Site) -> None:
    lasts = max(12.0, 30 * SCALE)
    start(site, lasting=lasts + 20, DATABASE_TIMEOUT=10)
    with directly(site) as mine, mine.transaction():
        for state in (State.PENDING, State.QUEUED, State.RUNNING):
            wait_for(lambda s=state: lock_one(mine, s), what=f"a run that is {state}", timeout=20, every=0.001)
        others_fire(site, clock.now(), lasts)
    resumes(site)
    end(site, outages=4)


def cpu_seconds(site: Site) -> float:
    """Return the CPU time that the schedulers have used so far."""
    used = 0
    for program in site.schedulers:
        fields = Path(f"/proc/{program.pid}/stat").read_text().rsplit(")", 1)[1].split()
        used += int(fields[11]) + int(fields[12])
    return used / os.sysconf("SC_CLK_TCK")


def lock_one(mine: psycopg.Connection, state: State) -> bool:
    sql = "SELECT id FROM scheduler_taskrun WHERE state = %s LIMIT 1 FOR UPDATE SKIP LOCKED"
    return mine.execute(sql, [state]).fetchone() is not None


def others_fire(site: Site, since: Any, seconds: float) -> None:
    """See the other jobs fire, each second, while something is locked."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        seen = clock.now()
        wait_for(
            lambda at=seen: site.fired(at) >= JOBS - 3, what="the other jobs to fire", timeout=RESUMES_WITHIN + SLOWNESS
        )


def test_a_read_only_database_is_waited_for(site: Site) -> None:
    lasts = max(8.0, 30 * SCALE)
    start(site, lasting=lasts + 30)
    try:
        set_read_only(site, "on")
        before = clock.now()
        stays_true(lambda: all(p.is_running for p in site.schedulers), seconds=lasts, what="schedulers")
        late = TaskRun.objects.filter(created_at__gt=before).count()
        assert late <= 2 * JOBS, "the database was not read-only"
    finally:
        set_read_only(site, "off")
    resumes(site)
    end(site, outages=1, exactly=True)


def set_read_only(site: Site, value: str) -> None:
    with directly(site, options="-c default_transaction_read_only=off") as mine:
        mine.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        mine.execute("SELECT pg_reload_conf()")


def test_tasks_that_finish_while_the_database_is_down_keep_their_outcomes(site: Site) -> None:
    lasts = max(20.0, 600 * SCALE)
    site.start_workers(2, concurrency=4)  # room for all long tasks in either
    site.start_schedulers(2)
    site.add_jobs(4, period=10_000, seconds=6, lasting=10, begin=5, prefix="long")
    wait_for(lambda: TaskRun.objects.filter(state=State.RUNNING, task=WORK).count() == 4, what="four tasks to run")
    site.add_jobs(JOBS, period=10, lasting=lasts + 30, begin=2, catch_up="all")
    assert site.postgres is not None
    connection.close()
    site.postgres.crash()
    wait_for(ended_bodies(site, 4), what="the tasks to finish without a database", timeout=20)
    stays_true(lambda: all(p.is_running for p in (*site.schedulers, *site.workers)), seconds=lasts - 8, every=1)
    site.postgres.start()
    resumes(site)
    wait_for(lambda: TaskRun.objects.filter(job_id__startswith="long", state=State.SUCCESS).count() == 4, timeout=20)
    end(site, outages=1, exactly=True)


def ended_bodies(site: Site, count: int) -> Callable[[], bool]:
    return lambda: sum(words[0] == "end" for words in site.lines()) >= count
