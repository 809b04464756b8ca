"""Six scenarios against the stock set-up, each of which Tickwork passes and stock django-apscheduler must fail.

A test here is green when the invariant is seen broken. If one turns red, the harness has lost its teeth (or the peer
has improved, which is worth knowing).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import clock
from tests.faults.site import Site
from tests.programs import Program
from tests.waiting import wait_for


class Stock:
    """The stock set-up on a site's servers."""

    first: datetime
    """The first firing: when all processes have started, however slow the machine is today."""
    last: datetime

    def __init__(self, site: Site, *, jobs: int = 10, lasting: float = 12.0, seconds: float = 0.0) -> None:
        self.site = site
        self.count, self.lasting, self.seconds = jobs, lasting, seconds
        self.planned = jobs * (int(lasting) + 1)
        self.start_seconds = 3.0

    def jobs(self, schedulers: int) -> list[dict[str, Any]]:
        """Plan the firings to begin when so many schedulers have started."""
        lead = timedelta(seconds=2 + 2 * self.start_seconds * schedulers)
        self.first = clock.now().replace(microsecond=0) + lead
        self.last = self.first + timedelta(seconds=self.lasting)
        return [
            {
                "id": f"stock-{number}", "seconds": 1, "start_date": self.first.isoformat(),
                "end_date": self.last.isoformat(),
                "arguments": {"job_id": f"stock-{number}", "ledger": self.site.ledger, "seconds": self.seconds},
            }
            for number in range(self.count)
        ]  # fmt: skip

    def scheduler(self, *, with_jobs: bool = True, of: int = 1) -> Program:
        """Start a scheduler; only the first of several adds the jobs, as a deployment's would.

        :param of: how many there will be before the jobs fire
        """
        told = [json.dumps(self.jobs(of))] if with_jobs else []
        program = self.site.cluster.start("stock", ["-m", "tests.faults.stock.program", *told])
        wait_for(
            lambda: "Scheduler started" in program.output or DjangoJob.objects.exists(), what="it to start", timeout=30
        )
        return program

    def worker(self) -> Program:
        begun = time.monotonic()
        program = self.site.cluster.start(
            "stock-worker",
            ["-m", "celery", "-A", "tests.faults.stock.celery", "worker", "-c", "2", "-Q", "stock", "-l", "INFO",
             "--without-gossip", "--without-mingle"],
        )  # fmt: skip
        wait_for(lambda: "ready" in program.output, what="the worker to be ready", timeout=30)
        self.start_seconds = time.monotonic() - begun
        return program

    def starts(self) -> int:
        return sum(words[0] == "start" for words in self.site.lines())

    def wait_for_the_end(self) -> None:
        """Wait until the last firing is past and the ledger has been quiet for a while."""
        wait_for(lambda: clock.now() > self.last + timedelta(seconds=4), what="the last firing", timeout=60)


@pytest.fixture
def stock(site: Site) -> Callable[..., Stock]:
    def make(**options: Any) -> Stock:
        return Stock(site, **options)

    return make


@pytest.mark.short
def test_stock_doubles_firings_with_two_schedulers(site: Site, stock: Callable[..., Stock]) -> None:
    peer = stock()
    peer.worker()
    peer.scheduler(of=2)
    peer.scheduler(with_jobs=False)
    peer.wait_for_the_end()
    site.report.firings, site.report.doubled = peer.planned, peer.starts() - peer.planned
    assert peer.starts() > peer.planned


def test_stock_loses_firings_when_its_scheduler_is_killed(site: Site, stock: Callable[..., Stock]) -> None:
    peer = stock()
    peer.worker()
    victim = peer.scheduler()
    wait_for(lambda: peer.starts() >= 20, what="it to fire", timeout=60)
    site.kill(victim)
    down = clock.now()
    wait_for(lambda: clock.now() > down + timedelta(seconds=3), what="three seconds without it")
    peer.scheduler(with_jobs=False)
    peer.wait_for_the_end()
    site.report.firings, site.report.lost = peer.planned, peer.planned - peer.starts()
    assert peer.starts() < peer.planned


@pytest.mark.short
def test_stock_deletes_jobs_that_it_cant_load_with_their_history(site: Site, stock: Callable[..., Stock]) -> None:
    peer = stock(jobs=2)
    peer.worker()
    victim = peer.scheduler()
    wait_for(lambda: DjangoJobExecution.objects.filter(job_id="stock-0").exists(), what="history", timeout=30)
    site.kill(victim)
    DjangoJob.objects.filter(id="stock-0").update(job_state=b"damaged")
    peer.scheduler(with_jobs=False)
    wait_for(lambda: not DjangoJob.objects.filter(id="stock-0").exists(), what="it to delete the job", timeout=15)
    assert not DjangoJobExecution.objects.filter(job_id="stock-0").exists()


def test_stock_records_success_for_tasks_that_never_ran(site: Site, stock: Callable[..., Stock]) -> None:
    peer = stock(jobs=1, lasting=60)
    peer.scheduler()  # and no worker at all
    told = DjangoJobExecution.objects.filter(status=DjangoJobExecution.SUCCESS)
    wait_for(lambda: told.count() >= 3, what="rows that say Executed", timeout=30)
    site.report.notes.append(f"{told.count()} rows say Executed, {peer.starts()} bodies started")
    assert peer.starts() == 0


def test_stock_loses_firings_while_the_broker_is_away(site: Site, stock: Callable[..., Stock]) -> None:
    peer = stock()
    peer.worker()
    peer.scheduler()
    wait_for(lambda: peer.starts() >= 20, what="it to fire", timeout=60)
    site.broker.set("blackhole")
    site.report.faults += 1
    down = clock.now()
    wait_for(lambda: clock.now() > down + timedelta(seconds=5), what="five seconds without a broker")
    site.broker.set("pass")
    peer.wait_for_the_end()
    site.report.firings, site.report.lost = peer.planned, peer.planned - peer.starts()
    assert peer.starts() < peer.planned


def test_stock_does_not_know_that_a_worker_died(site: Site, stock: Callable[..., Stock]) -> None:
    peer = stock(jobs=2, lasting=60, seconds=30)
    worker = peer.worker()
    peer.scheduler()
    wait_for(lambda: peer.starts() >= 2, what="tasks to run", timeout=30)
    site.kill(worker, group=True)
    told = set(DjangoJobExecution.objects.values_list("status", flat=True))
    site.report.notes.append(f"2 bodies were killed; the table says {sorted(told)}")
    assert DjangoJobExecution.ERROR not in told
    assert DjangoJobExecution.SUCCESS in told
