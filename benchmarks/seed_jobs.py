"""The jobs of `benchmarks.seed`: of all kinds, states and owners, with real schedules that are really due then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import accumulate
from random import Random
from typing import Any

from django.db import transaction
from django_apscheduler.models import DjangoJob

from scheduler.jobstate import dump_state
from scheduler.models import CatchUp, OnLost, Overlap, ScheduledTask, Source
from scheduler.triggers import Schedule, first_fire_time, trigger_from_data

DAY = 86_400.0
BATCH = 2_000
LATE = 20
"""Jobs that were due a few minutes ago, where there are so many."""
ZONES = ("UTC", "UTC", "Europe/Berlin", "America/New_York", "Asia/Shanghai", "Australia/Sydney")
TEAMS = {
    "billing": ("send_invoices", "collect_payments", "remind_debtors", "close_month"),
    "warehouse": ("count_stock", "order_supplies", "print_labels", "plan_routes"),
    "crm": ("sync_contacts", "score_leads", "send_newsletter", "merge_duplicates"),
    "data": ("load_events", "train_model", "refresh_views", "export_report"),
    "platform": ("back_up_database", "rotate_keys", "check_certificates", "clear_sessions"),
}
TASKS = tuple(f"{team}.tasks.{verb}" for team, verbs in TEAMS.items() for verb in verbs)
QUEUES = ("", "", "", "mail", "reports", "long", "gpu")
PLACES = ("eu", "us", "cn", "au", "br", "in", "jp", "za")


def _daily(random: Random) -> dict[str, Any]:
    return {"type": "cron", "hour": random.randrange(24), "minute": random.randrange(0, 60, 5)}


@dataclass(frozen=True)
class Kind:
    """A sort of schedule."""

    share: float
    """Of all jobs."""
    period: float
    """Seconds between two firings, as a rule."""
    data: Callable[[Random], dict[str, Any]]


KINDS = (
    Kind(0.0002, 60, lambda _: {"type": "interval", "minutes": 1}),
    Kind(0.0005, 300, lambda _: {"type": "cron", "crontab": "*/5 * * * *"}),
    Kind(0.0150, 3_600, lambda random: {"type": "cron", "minute": random.randrange(60)}),
    Kind(0.1000, DAY * 7 / 5, lambda random: {**_daily(random), "day_of_week": "mon-fri"}),
    Kind(0.0700, DAY * 7, lambda random: {**_daily(random), "day_of_week": random.choice(["mon", "sat", "sun"])}),
    Kind(0.0300, DAY * 30, lambda random: {**_daily(random), "day": random.choice(["1", "15", "last"])}),
    Kind(0.0300, float("inf"), lambda _: {"type": "date", "run_date": "2026-01-01 12:00:00"}),  # it ran once
    Kind(0.0300, 0, _daily),  # it has never run
    Kind(1.0000, DAY, _daily),  # all others
)


@dataclass(frozen=True)
class Plan:
    """What the runs of a job are drawn from."""

    job_id: str
    task: str
    queue: str
    period: float
    took: float
    """Seconds that a run takes, about."""
    failing: float
    """How many of its runs fail, between 0 and 1."""


def write(count: int, now: datetime) -> list[Plan]:
    """Write so many jobs, and return what their runs are drawn from."""
    random = Random(count)
    shares = list(accumulate(kind.share for kind in KINDS))
    schedules: dict[str, tuple[Schedule, datetime | None]] = {}
    plans: list[Plan] = []
    for start in range(0, count, BATCH):
        jobs = []
        for number in range(start, min(start + BATCH, count)):
            drawn = (number * 0.6180339887) % 1
            place = number if number < len(KINDS) else next(i for i, share in enumerate(shares) if drawn < share)
            kind = KINDS[place]
            job = _job(number, random)
            trigger, following = _schedule(kind.data(random), random.choice(ZONES), now, schedules)
            _put_in_state(job, number, now, None if kind.period == float("inf") else following, trigger)
            jobs.append(job)
            plans.append(_plan(job, kind, random))
        with transaction.atomic():
            DjangoJob.objects.bulk_create([job.job for job in jobs])
            ScheduledTask.objects.bulk_create(jobs)
    return plans


def _job(number: int, random: Random) -> ScheduledTask:
    task = TASKS[number % len(TASKS)]
    team, verb = task.split(".")[0], task.split(".")[-1]
    place = random.choice(PLACES)
    words = verb.replace("_", " ").capitalize()
    return ScheduledTask(
        job=DjangoJob(id=f"{team}.{verb}.{place}.{number:06d}"),
        name=f"{words}, {place.upper()} {number}" if number % 3 else "",
        task=task,
        args=[number] if number % 4 == 0 else [],
        kwargs={"place": place} if number % 2 else {},
        queue=random.choice(QUEUES),
        overlap=random.choice(list(Overlap)),
        catch_up=random.choice(list(CatchUp)),
        on_lost=random.choice(list(OnLost)),
        max_instances=1 + number % 3,
        time_limit=3_600 if number % 5 == 0 else None,
        description=f"{words} for {place}, on behalf of the team {team}." if number % 2 else "",
        tags=sorted(
            {team, place, *(["nightly"] if number % 7 == 0 else []), *(["critical"] if number % 31 == 0 else [])}
        ),
        owner=f"{team} team",
        source=Source.CODE if number % 5 == 1 else Source.ADMIN,
    )


def _schedule(
    data: dict[str, Any], zone: str, now: datetime, known: dict[str, tuple[Schedule, datetime | None]]
) -> tuple[Schedule, datetime | None]:
    key = f"{data} {zone}"
    if key not in known:
        trigger = trigger_from_data(data, timezone=zone)
        known[key] = trigger, first_fire_time(trigger, now)
    return known[key]


def _put_in_state(
    job: ScheduledTask, number: int, now: datetime, following: datetime | None, trigger: Schedule
) -> None:
    """Give a job its next run time; some are paused, broken, removed or late."""
    if number % 25 == 7:
        job.paused_at, following = now - timedelta(days=number % 40), None
    elif number % 100 == 13:
        job.broken_reason = f"No worker and no code knows a task named {job.task!r}."
        job.parked_run_time, following = following, None
    elif number % 25 == 19:
        job.removed_at, following = now - timedelta(days=number % 40), None
    elif following is not None and number % 100 == 21 and number < 100 * LATE:
        following = now - timedelta(minutes=2 + number % 7)
    job.job.next_run_time = following
    job.job.job_state = dump_state(job, trigger, following)


def _plan(job: ScheduledTask, kind: Kind, random: Random) -> Plan:
    took = random.choice([0.04, 0.3, 2.0, 9.0, 45.0, 240.0])
    failing = random.choices([0.0, 0.005, 0.05, 0.3, 0.95], [60, 30, 6, 3, 1])[0]
    return Plan(job.id, job.task, job.queue, kind.period, min(took, kind.period or took), failing)
