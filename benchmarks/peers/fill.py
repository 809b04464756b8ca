"""Stores a peer's jobs: `python -m benchmarks.peers.fill beat|redbeat|stock|tables JOBS DUE` (seconds since 1970)."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime, timedelta

import django

EVERY = timedelta(hours=1)


def beat(jobs: int, due: datetime) -> None:
    """Store jobs of django-celery-beat that ran last an hour before `due`."""
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    PeriodicTask.objects.all().delete()
    hourly, _ = IntervalSchedule.objects.get_or_create(every=1, period=IntervalSchedule.HOURS)
    PeriodicTask.objects.bulk_create(
        [
            PeriodicTask(name=f"job-{number}", task="peers.nothing", interval=hourly, last_run_at=due - EVERY)
            for number in range(jobs)
        ],
        batch_size=1000,
    )


def redbeat(jobs: int, due: datetime) -> None:
    """Store jobs of celery-redbeat that ran last an hour before `due`."""
    from celery.schedules import schedule
    from redbeat import RedBeatSchedulerEntry

    from benchmarks.peers.celery import app

    for number in range(jobs):
        entry = RedBeatSchedulerEntry(f"job-{number}", "peers.nothing", schedule(EVERY, app=app), app=app)
        entry.last_run_at = due - EVERY
        entry.save()


def stock(jobs: int, due: datetime) -> None:
    """Store jobs as stock django-apscheduler does, through a paused scheduler; it plans from the time in the pickle."""
    from apscheduler.schedulers.background import BackgroundScheduler
    from django_apscheduler.jobstores import DjangoJobStore
    from django_apscheduler.models import DjangoJob

    from benchmarks.peers.stock import enqueue

    DjangoJob.objects.all().delete()
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"misfire_grace_time": 3600})
    scheduler.add_jobstore(DjangoJobStore(), "default")
    logging.getLogger("apscheduler.scheduler").setLevel(logging.WARNING)
    scheduler.start(paused=True)
    for number in range(jobs):
        scheduler.add_job(enqueue, "interval", seconds=EVERY.total_seconds(), id=f"job-{number}", next_run_time=due)
    scheduler.shutdown()


def tables(jobs: int, due: datetime) -> None:
    """Store nothing; the tables are made all the same."""


def main() -> None:
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    store = {"beat": beat, "redbeat": redbeat, "stock": stock, "tables": tables}[sys.argv[1]]
    store(int(sys.argv[2]), datetime.fromtimestamp(float(sys.argv[3]), UTC))


if __name__ == "__main__":
    main()
