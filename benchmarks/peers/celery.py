"""A plain Celery app for all peers; TRACKED=1 has django-celery-results record each task."""

from __future__ import annotations

import os
import time

from celery import Celery

TRACKED = os.environ.get("TRACKED") == "1"

app = Celery("peers", broker=os.environ["BROKER_URL"])
app.conf.update(
    task_default_queue="peers",
    task_ignore_result=not TRACKED,
    task_track_started=TRACKED,
    result_backend="django-db" if TRACKED else None,
    result_extended=TRACKED,
    worker_prefetch_multiplier=int(os.environ.get("PREFETCH", "4")),
    broker_connection_retry_on_startup=True,
    redbeat_redis_url=os.environ["BROKER_URL"],
    beat_max_loop_interval=1,
)


@app.task(name="peers.nothing")
def nothing() -> None:
    """Do nothing."""


@app.task(name="peers.note")
def note(path: str, due: float) -> None:
    """Note how long after `due` (seconds since the epoch) the body started."""
    late = time.time() - due
    with open(path, "a") as ledger:
        ledger.write(f"{late}\n")
