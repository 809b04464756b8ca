"""The life of a scheduler process: sync, run until a signal, end within five seconds; engine."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections

from .. import garbage, reach, syncing
from ..db import OUTAGE, drop_connection
from .schedulers import BlockingScheduler, load_tasks

logger = logging.getLogger(__name__)

SWITCH_SECONDS = 0.0005
"""How long one thread may keep Python from the others, a tenth of Python's own value. A firing waits a dozen times for
the database or the broker, and each time after that for the thread that deletes or counts something meanwhile."""
LONGEST_END = 4.0
"""Seconds after which a process that was told to stop leaves as if it had been killed, which loses nothing."""


def run(*, sync: bool = True) -> None:
    """Run a scheduler in this process until SIGTERM or SIGINT."""
    sys.setswitchinterval(SWITCH_SECONDS)
    scheduler = BlockingScheduler()
    stopping = threading.Event()

    def stop(number: int, frame: Any) -> None:
        if not stopping.is_set():
            stopping.set()
            threading.Thread(target=_leave_in_time, name="tickwork-end", daemon=True).start()
            scheduler.stop_soon()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    if sync:
        sync_when_possible(stopping)
    if not stopping.is_set():
        load_tasks()
        garbage.pass_over_what_is_loaded()
        scheduler.start()
    logger.info("Scheduler has stopped")


def sync_when_possible(stopping: threading.Event) -> None:
    """Store the jobs that code declares, waiting for the database. A wrong declaration is logged and the rest runs."""
    while not stopping.is_set():
        try:
            with reach.limited(connections[DEFAULT_DB_ALIAS]):
                report = syncing.sync()
            reach.over("sync")
        except Exception as error:
            if isinstance(error, OUTAGE) or reach.lacks_table(error):
                drop_connection()
                reach.lost("sync", error, "waiting to start")
                stopping.wait(1.0)
                continue
            logger.exception("Jobs declared in code could not be synced; the stored ones run")
            return
        if report.added or report.changed:
            logger.info("Jobs from code: %d added, %d changed", len(report.added), len(report.changed))
        for job_id, message in report.refused:
            logger.error("Job %s as declared in code is refused: %s", job_id, message)
        for job_id in report.gone:
            logger.warning("Job %s is no longer declared in code; `manage.py syncjobs --prune` removes it", job_id)
        return


def _leave_in_time() -> None:
    time.sleep(LONGEST_END)
    logging.shutdown()
    os._exit(0)
