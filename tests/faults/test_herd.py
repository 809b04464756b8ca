"""Very many firings at once: two thousand jobs in one second, and a week of missed seconds."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

from django.db import transaction
from django.db.models.functions import Now
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock, conf
from scheduler.engine.passes import plan_due
from scheduler.known_tasks import KnownTasks
from scheduler.models import ScheduledTask, ServiceProcess, State, TaskRun
from tests.faults.conftest import SCALE
from tests.faults.site import WORK, Planned, Site
from tests.programs import Program
from tests.waiting import wait_for

MOST_MEMORY = 300
"""Megabytes that a scheduler may have used at most."""
LONGEST_PASS = 2.0
BEAT, SLOWNESS = 0.5, 1.0
"""How often a scheduler writes that it completed a pass, and what a busy machine adds."""
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
    site.report.notes.append(f"planned within {(created.last() - at).total_seconds():.1f} s")
    site.wait_for_the_end(timeout=240)
    ended = TaskRun.objects.order_by("finished_at").values_list("finished_at", flat=True).last()
    site.report.notes.append(f"all done {(ended - at).total_seconds():.1f} s after")
    site.check(max_instances={f"herd-{number}": 1 for number in range(count)})
    check_memory(site)


def test_a_week_of_missed_seconds_is_made_up_for_within_bounds(site: Site) -> None:
    jobs = max(10, int(50 * SCALE))
    site.start_schedulers(1)
    scheduler = site.schedulers[0]
    ledger = site.ledger
    names = [f"{policy}-{number}" for policy in POLICIES for number in range(jobs)]
    end = clock.now().replace(microsecond=0) + timedelta(seconds=2 + len(names) // 20)
    start = end - WEEK
    with transaction.atomic():
        for name in names:  # held back until its last firing is due as well
            add_job(
                WORK, "interval", id=name, seconds=1, start_date=start, end_date=end, next_run_time=None,
                timezone="UTC", kwargs={"ledger": ledger}, catch_up=name.split("-")[0], overlap="allow",
            )  # fmt: skip
    wait_for(lambda: clock.now() > end, what="the week to be over", timeout=60)
    with transaction.atomic():
        ScheduledTask.objects.update(paused_at=None)
        DjangoJob.objects.update(next_run_time=start)
    site.report.faults += 1
    began, longest = time.monotonic(), 0.0
    while DjangoJob.objects.filter(next_run_time__isnull=False).exists():
        longest = max(longest, since_the_last_pass(scheduler))
        time.sleep(0.1)
        assert time.monotonic() < began + 120, "the week is not made up for"
    took = time.monotonic() - began
    site.report.notes.append(f"{len(names)} jobs in {took:.1f} s, {longest:.1f} s between two complete passes at most")
    assert longest < LONGEST_PASS + BEAT + SLOWNESS
    check_memory(site)
    for name in names:
        check_policy(name)
    site.start_workers(2, concurrency=4)
    wait_for(lambda: site.live() == 0, what=site._what_lives, timeout=240)
    site.report.firings = TaskRun.objects.count()


def since_the_last_pass(scheduler: Program) -> float:
    """Return the seconds since a scheduler last said that it completed a pass."""
    found = (
        ServiceProcess.objects.filter(pid=scheduler.pid).annotate(now=Now()).values_list("now", "last_pass_at").get()
    )
    return (found[0] - found[1]).total_seconds()


def check_policy(name: str) -> None:
    """See what a job made of the week: each recorded instant once, the others in one run that names their number."""
    found = list(TaskRun.objects.filter(job_id=name).order_by("scheduled_at"))
    most = conf.get("MAX_CATCH_UP")
    assert len(found) == most + 1 and len({run.scheduled_at for run in found}) == most + 1
    assert found[0].state == State.MISSED and "were missed" in found[0].reason
    ran = [run for run in found if run.state != State.MISSED]
    policy = name.split("-")[0]
    if policy == "all":
        assert ran == found[1:]
    elif policy == "one":
        assert ran == found[-1:]
    else:
        assert len(ran) <= 1 and all(run.created_at - run.scheduled_at < timedelta(seconds=11) for run in ran)


def test_one_pass_over_a_week_of_missed_seconds_is_short(database: None) -> None:
    start = clock.now().replace(microsecond=0) - WEEK
    for name in POLICIES:
        add_job(
            WORK, "cron", id=name, second="*", timezone="UTC", kwargs={"ledger": "-"}, catch_up=name, overlap="allow"
        )
    DjangoJob.objects.update(next_run_time=start)
    began = time.monotonic()
    planned = plan_due(clock.now(), KnownTasks(), limit=500)
    assert time.monotonic() - began < LONGEST_PASS
    assert len(planned.firings) == 3 * (conf.get("MAX_CATCH_UP") + 1)
