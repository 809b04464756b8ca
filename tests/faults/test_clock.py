"""Clocks that jump under running processes, hosts that disagree, and all clock changes of five zones in three years."""

from __future__ import annotations

import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from django.db.models import F
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock, jobstate, jobstore, processes, triggers
from scheduler.engine.outbox import Outbox
from scheduler.engine.passes import plan_due
from scheduler.engine.service import Service
from scheduler.known_tasks import KnownTasks
from scheduler.models import ServiceProcess, State, TaskRun
from tests.faults.conftest import SCALE
from tests.faults.site import WORK, Site
from tests.waiting import stays_true, wait_for

LIBRARIES = [
    Path(f"/usr/lib/{machine}-linux-gnu/faketime/libfaketime.so.1") for machine in ("x86_64", "aarch64")
]  # fmt: skip
LIBRARY = next((path for path in LIBRARIES if path.exists()), None)
needs_libfaketime = pytest.mark.skipif(LIBRARY is None, reason="needs Debian's package libfaketime")

DAY, HOUR = "86400", "3600"


class HostClock:
    """The clock of one host, which all processes that are started under it see; it can jump while they run."""

    def __init__(self, site: Site, name: str) -> None:
        self.site, self.file = site, site.folder / f"clock-{name}"
        self.set("+0")

    def set(self, offset: str) -> None:
        """Let the clock be so many seconds ahead (+) or behind (-) from now on."""
        new = self.file.with_suffix(".new")
        new.write_text(f"{offset}\n")
        new.replace(self.file)

    def __enter__(self) -> HostClock:
        """Start processes under this clock. Their monotonic clock goes on evenly, as a real one does."""
        self.site.cluster.env |= {
            "LD_PRELOAD": str(LIBRARY), "FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_CACHE_DURATION": "1",
            "DONT_FAKE_MONOTONIC": "1", "FAKETIME_DONT_RESET": "1",
        }  # fmt: skip
        return self

    def __exit__(self, *told: object) -> None:
        for name in ("LD_PRELOAD", "FAKETIME_TIMESTAMP_FILE", "FAKETIME_CACHE_DURATION", "DONT_FAKE_MONOTONIC"):
            self.site.cluster.env.pop(name)


def jump(site: Site, host: HostClock, offset: str) -> None:
    host.set(offset)
    site.report.faults += 1


def ended(site: Site, *prefixes: str) -> int:
    """Return how many bodies have ended, by the ledger, which no clock touches."""
    runs = {words[1] for words in site.lines() if words[0] == "end"}
    jobs = TaskRun.objects.filter(id__in=runs).values_list("job_id", flat=True)
    return sum(1 for job in jobs if job.startswith(prefixes or ("",)))


def keeps_firing(site: Site, *, within: float = 12.0, count: int = 3) -> None:
    before = ended(site)
    wait_for(lambda: ended(site) >= before + count, what="bodies to end", timeout=within, every=0.2)


def nothing_ends(site: Site, seconds: float) -> bool:
    before = ended(site)
    try:
        stays_true(lambda: ended(site) == before, seconds=seconds)
    except AssertionError:
        return False
    return True


def check_no_instant_twice() -> None:
    counted = Counter(TaskRun.objects.filter(requested_by="schedule").values_list("job_id", "scheduled_at"))
    assert max(counted.values()) == 1


def start(site: Site, host: HostClock, *, lasting: float) -> None:
    """Start two schedulers and a worker on one host, and jobs of each catch-up policy that end after so long."""
    with host:
        site.start_workers(1)
        site.start_schedulers(2)
    for policy in ("all", "one", "skip"):
        site.add_jobs(2, prefix=policy, lasting=lasting, begin=3, catch_up=policy)
    keeps_firing(site, within=30, count=12)


def states(prefix: str, after: datetime) -> Counter[str]:
    found = TaskRun.objects.filter(job_id__startswith=prefix, scheduled_at__gt=after)
    return Counter(found.values_list("state", flat=True))


@needs_libfaketime
def test_a_clock_that_jumps_a_day_ahead_makes_everything_due_and_each_policy_has_its_say(site: Site) -> None:
    host = HostClock(site, "a")
    lasting = 60
    start(site, host, lasting=lasting)
    jumped = clock.now()
    jump(site, host, f"+{DAY}")
    jobs = DjangoJob.objects.filter(next_run_time__isnull=False)
    wait_for(lambda: not jobs.exists(), what="all that was to come within the minute to be due at once", timeout=15)
    assert clock.now() < site.planned[0].last, "the minute is over: the test has missed its point"
    site.wait_for_the_end(timeout=90)
    settled = jumped + timedelta(seconds=3)
    assert set(states("all", settled)) == {State.SUCCESS}
    assert states("one", settled)[State.SUCCESS] <= 2
    assert set(states("skip", settled)) == {State.MISSED}
    site.check(all_succeed=False)


@needs_libfaketime
@pytest.mark.parametrize("offset", [f"-{HOUR}", f"-{DAY}"], ids=["an hour", "a day"])
def test_a_clock_that_falls_back_repeats_nothing_and_fires_on_when_it_is_right_again(site: Site, offset: str) -> None:
    host = HostClock(site, "a")
    start(site, host, lasting=50)
    jump(site, host, offset)
    seen = "the processes to see their clock, and what was due before to end"
    wait_for(lambda: site.live() == 0 and nothing_ends(site, 3), what=seen, timeout=30)
    assert nothing_ends(site, 8), "something fired before the jobs' start"
    jump(site, host, "+0")
    keeps_firing(site)
    site.wait_for_the_end(timeout=90)
    assert set(states("all", site.planned[0].first)) == {State.SUCCESS}
    site.check(all_succeed=False)


@needs_libfaketime
def test_jobs_go_on_by_a_clock_that_was_a_day_ahead_and_is_set_right(site: Site) -> None:
    host = HostClock(site, "a")
    with host:
        site.start_workers(1, concurrency=4)
        site.start_schedulers(2)
    for number in range(2):  # running while the clock jumps: their worker falls silent for nobody
        add_job(WORK, "date", id=f"long-{number}", kwargs={"ledger": site.ledger, "seconds": 30})
    for number in range(4):
        add_job(
            WORK,
            "cron",
            id=f"each-{number}",
            second="*",
            timezone="UTC",
            overlap="allow",
            kwargs={"ledger": site.ledger},
        )
    keeps_firing(site, within=20, count=12)
    for offset in (f"+{DAY}", "+0", f"-{DAY}", "+0", f"+{HOUR}", f"-{HOUR}", "+0"):
        jump(site, host, offset)
        keeps_firing(site, count=12)
    DjangoJob.objects.update(next_run_time=None)
    wait_for(lambda: site.live() == 0, what="all runs to end", timeout=60)
    check_no_instant_twice()
    site.check(all_succeed=False)
    site.report.firings = TaskRun.objects.count()
    assert not TaskRun.objects.filter(state__in=[State.LOST, State.FAILURE]).exists(), "a jump is no worker's death"


@needs_libfaketime
def test_hosts_that_disagree_by_two_seconds_double_and_lose_nothing(site: Site) -> None:
    for name, offset in (("behind", "-1"), ("ahead", "+1")):
        host = HostClock(site, name)
        host.set(offset)
        with host:
            site.start_workers(1)
            site.start_schedulers(1)
        site.report.faults += 1
    site.add_jobs(20, lasting=max(15.0, 60 * SCALE), begin=4)
    site.wait_for_the_end(timeout=120)
    site.check()


def test_a_database_clock_that_jumps_a_day_ahead_buries_nobody_who_lives(database: None) -> None:
    """As the engine sees it: heartbeats are a day old at once, its own as well, and its clock has jumped by as much."""
    service, outbox = Service(), Outbox()
    service.start_once()
    worker = processes.ThisProcess("worker", "alive")
    processes.beat(worker)
    service._steady_since = time.monotonic() - 1_000
    service.passed(outbox)
    day = timedelta(seconds=int(DAY))
    ServiceProcess.objects.update(heartbeat_at=F("heartbeat_at") - day)
    assert service._database_clock._offset is not None
    service._database_clock._offset -= day.total_seconds()
    service._recovered_at = float("-inf")
    service.passed(outbox)
    assert ServiceProcess.objects.get(id=worker.id).stopped_at is None


# -- every clock change ------------------------------------------------------------------------------------------------

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo", "America/Santiago"]
YEARS = (2026, 2029)
MINUTE = timedelta(minutes=1)
TIMES = [(0, 0), (0, 30), (1, 0), (1, 30), (1, 45), (2, 0), (2, 15), (2, 30), (3, 0), (23, 30), (12, 0)]


def clock_changes(zone: ZoneInfo) -> list[datetime]:
    """Return each instant at which the zone's offset changes, found by looking at every hour and then every minute."""
    found = []
    at, end = datetime(YEARS[0], 1, 1, tzinfo=UTC), datetime(YEARS[1], 1, 1, tzinfo=UTC)
    while at < end:
        later = at + timedelta(hours=1)
        if later.astimezone(zone).utcoffset() != at.astimezone(zone).utcoffset():
            while at.astimezone(zone).utcoffset() != later.astimezone(zone).utcoffset():
                at += MINUTE
            found.append(at)
        at = later
    return found


def wall(zone: ZoneInfo, at: datetime) -> datetime:
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def oracle_fixed(zone: ZoneInfo, hour: int, minute: int, start: datetime, end: datetime) -> list[datetime]:
    """Return when a daily wall time fires: when clocks first show it, or, where they skip it, right after the gap."""
    found = []
    day = wall(zone, start).replace(hour=0, minute=0) - timedelta(days=1)
    while day <= wall(zone, end) + timedelta(days=1):
        wanted = day.replace(hour=hour, minute=minute)
        at = wanted.replace(tzinfo=UTC) - timedelta(hours=16)  # before any zone's clocks show it
        while wall(zone, at) < wanted:
            at += MINUTE
        if start <= at < end:
            found.append(at)
        day += timedelta(days=1)
    return found


def oracle_half_hours(zone: ZoneInfo, start: datetime, end: datetime) -> list[datetime]:
    """Return every instant at which the zone's clocks show a full or half hour."""
    count = int((end - start) / MINUTE)
    return [at for at in (start + n * MINUTE for n in range(count)) if wall(zone, at).minute in (0, 30)]


@pytest.mark.parametrize("name", ZONES)
def test_every_clock_change_of_three_years_is_planned_as_a_plain_reading_of_the_clock_says(
    database: None, name: str
) -> None:
    zone = ZoneInfo(name)
    changes = clock_changes(zone)
    assert len(changes) == 6, changes
    jobs: list[str] = []
    for hour, minute in TIMES:
        jobs.append(f"at-{hour:02}{minute:02}")
        add_job(
            WORK, crontab=f"{minute} {hour} * * *", id=jobs[-1], timezone=name, kwargs={"ledger": "-"}, overlap="allow"
        )
    for job_id, trigger in (
        ("half-hours", {"crontab": "*/30 * * * *"}),
        ("half-hours-cron", {"trigger": "cron", "minute": "*/30"}),
        ("every-30", {"trigger": "interval", "minutes": 30, "start_date": datetime(2026, 1, 1, tzinfo=UTC)}),
    ):
        jobs.append(job_id)
        add_job(WORK, id=job_id, timezone=name, kwargs={"ledger": "-"}, overlap="allow", **trigger)
    for change in changes:
        start, end = change - timedelta(hours=30), change + timedelta(hours=30)
        planned = plan_span(start, end)
        for job_id in jobs:
            if job_id.startswith("at-"):
                wanted = oracle_fixed(zone, int(job_id[3:5]), int(job_id[5:7]), start, end)
            elif job_id == "every-30":
                wanted = [start + n * timedelta(minutes=30) for n in range(120)] if start.minute in (0, 30) else []
            else:
                wanted = oracle_half_hours(zone, start, end)
            assert planned[job_id] == wanted, f"{name}, {job_id}, around {change}"


def plan_span(start: datetime, end: datetime) -> dict[str, list[datetime]]:
    """Let the engine do its passes from `start` to before `end`, each when the next job is due; return the instants."""
    TaskRun.objects.all().delete()
    for job in DjangoJob.objects.all():
        trigger = jobstate.load_trigger(job.job_state)
        job.next_run_time = triggers.next_fire_time(trigger, start - timedelta(microseconds=1), job_id=job.id)
        job.save()
    known = KnownTasks()
    while (now := jobstore.next_due()) is not None and now < end:
        plan_due(now, known, limit=500)
    found: dict[str, list[datetime]] = {job.id: [] for job in DjangoJob.objects.all()}
    for job_id, at in TaskRun.objects.order_by("scheduled_at").values_list("job_id", "scheduled_at"):
        found[job_id].append(at)
    return found
