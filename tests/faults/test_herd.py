"""Very many firings at once: two thousand jobs in one second, and a week of missed seconds."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock
from scheduler.arguments import KnownTasks
from scheduler.engine.passes import plan_due
from scheduler.models import State, TaskRun
from tests.faults.conftest import SCALE
from tests.faults.site import WORK, Planned, Site
from tests.programs import Program
from tests.waiting import wait_for

MOST_MEMORY = 300
"""Megabytes that a scheduler may have used at most."""
LONGEST_PASS = 2.0
WEEK = timedelta(days=7)
POLICIES = ("all", "one", "skip")


def memory(program: Program) -> float:
    """Return the most memory that a process has had so far, in megabytes."""
    status = Path(f"/proc/{program.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def check_memory(site: Site) -> None:
    most = max(memory(program) for program in site.schedulers)
    site.report.notes.append(f"scheduler used {most:.0f} MB at most")
    assert most < MOST_MEMORY


@pytest.mark.short
def test_two_thousand_jobs_in_one_second_each_run_once(site: Site) -> None:
    count = max(500, int(2_000 * SCALE))
    site.start_workers(2, concurrency=4)
    site.start_schedulers(2)
    at = clock.now().replace(microsecond=0) + timedelta(seconds=15 + count // 100)
    with transaction.atomic():
        for number in range(count):
            job_id = f"herd-{number}"
            add_job(WORK, "date", id=job_id, run_date=at, kwargs={"ledger": site.ledger}, max_instances=1)
            site.planned.append(Planned(job_id, at, 1.0, at))
    assert clock.now() < at, "the jobs were not stored in time"
    wait_for(lambda: TaskRun.objects.count() == count, what="every job to be planned", timeout=60)
    created = TaskRun.objects.order_by("created_at").values_list("created_at", flat=True)
    site.report.notes.append(f"planned within {(created.last() - at).total_seconds():.1f} s")  # type: ignore[operator]
    site.wait_for_the_end(timeout=240)
    ended = TaskRun.objects.order_by("finished_at").values_list("finished_at", flat=True).last()
    site.report.notes.append(f"all done {(ended - at).total_seconds():.1f} s after")  # type: ignore[operator]
    site.check(max_instances={f"herd-{number}": 1 for number in range(count)})
    check_memory(site)


def add_every_second(job_id: str, policy: str) -> None:
    add_job(
        WORK, "interval", id=job_id, seconds=1, start_date=clock.now() - WEEK - timedelta(days=1), timezone="UTC",
        kwargs={"ledger": "-"}, catch_up=policy, overlap="allow", task_queue="nobody" if False else None,
    ) if False else add_job(
        WORK, "interval", id=job_id, seconds=1, start_date=clock.now() - WEEK - timedelta(days=1), timezone="UTC",
        kwargs={"ledger": "-"}, catch_up=policy, overlap="allow",
    )  # fmt: skip
