"""A plain Celery app, as any project has it."""

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery("stock", broker=os.environ["BROKER_URL"])
app.conf.update(task_ignore_result=True, task_default_queue="stock", broker_connection_retry_on_startup=True)


@app.task(name="stock.work")
def work(job_id: str, ledger: str, seconds: float = 0.0) -> None:
    from tests.app.fault_tasks import write

    write(ledger, "start", job_id, 1, os.getpid(), time.time())
    time.sleep(seconds)
    write(ledger, "end", job_id, 1, os.getpid(), time.time())
