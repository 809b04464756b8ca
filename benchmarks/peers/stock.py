"""A scheduler process as django-apscheduler's README writes it, with a job that hands the work to Celery."""

from __future__ import annotations

import django


def enqueue() -> None:
    """What each job calls."""
    from benchmarks.peers.celery import nothing

    nothing.delay()


def main() -> None:
    django.setup()
    from apscheduler.schedulers.blocking import BlockingScheduler
    from django_apscheduler.jobstores import DjangoJobStore

    scheduler = BlockingScheduler(timezone="UTC")
    scheduler.add_jobstore(DjangoJobStore(), "default")
    scheduler.start()


if __name__ == "__main__":
    main()
