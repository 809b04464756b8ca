"""SQLite under several processes, and held by a stranger: everybody waits his turn, and nobody trips over the lock."""

from __future__ import annotations

import sqlite3
import time

import pytest
from django.conf import settings
from django.db import connection

from tests.faults.conftest import DATABASE, SCALE
from tests.faults.site import Site
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(DATABASE != "sqlite", reason="needs TEST_DATABASE=sqlite")

HELD = 10.0
RESUMES_WITHIN = 10.0


def hold(seconds: float) -> None:
    """Hold the file's write lock, as somebody's shell or backup may."""
    with sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=30, isolation_level=None) as mine:
        mine.execute("BEGIN IMMEDIATE")
        time.sleep(seconds)
        mine.execute("ROLLBACK")
    mine.close()


def no_process_tripped(site: Site) -> None:
    for program in (*site.schedulers, *site.workers):
        assert program.is_running, f"{program} has ended (I7)"
        assert "Traceback" not in program.output, f"{program}:\n{program.output[-3000:]}"
        locked = [line for line in program.output.splitlines() if "locked" in line]
        assert all("Database out of reach" in line for line in locked), f"{program} trips over the lock: {locked[:3]}"


def test_two_schedulers_and_four_workers_share_a_file_with_a_stranger_who_holds_it(site: Site) -> None:
    lasting = max(40.0, 300 * SCALE)
    site.start_workers(4, concurrency=1)
    site.start_schedulers(2)
    site.add_jobs(12, lasting=lasting, begin=3)
    site.wait_until_fired(within=20, count=12)
    site.report.recovery = 0.0
    ends = time.monotonic() + lasting - 15
    while time.monotonic() < ends:
        time.sleep(site.random.uniform(0, 3))
        hold(HELD)
        site.report.faults += 1
        connection.close()
        site.wait_until_fired(within=RESUMES_WITHIN)
    site.wait_for_the_end(timeout=120)
    site.check()
    no_process_tripped(site)


def test_a_lock_that_is_held_beyond_everybodys_patience_is_an_outage_that_ends(site: Site) -> None:
    """With a timeout of 20 s in the settings, 45 s are longer than anybody waits."""
    site.start_workers(2, concurrency=1)
    site.start_schedulers(2)
    site.add_jobs(6, lasting=70, begin=3)
    site.wait_until_fired(within=20, count=6)
    site.report.recovery = 0.0
    hold(45)
    site.report.faults += 1
    connection.close()
    wait_for(lambda: site.wait_until_fired(within=30) >= 0, what="firing to resume", timeout=40)
    site.wait_for_the_end(timeout=120)
    site.check()
    no_process_tripped(site)
