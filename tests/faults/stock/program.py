"""A scheduler process as django-apscheduler's README writes it: `python -m tests.faults.stock.program [JOBS]`."""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

import django


def enqueue(job_id: str, ledger: str, seconds: float = 0.0) -> None:
    """What each job calls: hand the work to Celery."""
    from tests.faults.stock.celery import work

    work.delay(job_id, ledger, seconds)


def main() -> None:
    django.setup()
    from apscheduler.schedulers.blocking import BlockingScheduler
    from django_apscheduler.jobstores import DjangoJobStore

    scheduler = BlockingScheduler(timezone="UTC")
    scheduler.add_jobstore(DjangoJobStore(), "default")
    for job in json.loads(sys.argv[1]) if len(sys.argv) > 1 else []:
        arguments: dict[str, Any] = job.pop("arguments")
        scheduler.add_job(enqueue, "interval", kwargs=arguments, replace_existing=True, **job)

    def stop(*_: Any) -> None:
        scheduler.shutdown()

    signal.signal(signal.SIGTERM, stop)
    scheduler.start()


if __name__ == "__main__":
    main()
