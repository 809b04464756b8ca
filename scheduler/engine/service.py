"""What a scheduler does beside its passes: starts the service once, beats, recovers, publishes leftovers; engine."""

from __future__ import annotations

import logging
import os
import socket
import time
from datetime import datetime

from django.db.models import Min

from .. import clock, conf, processes, runs
from ..db import execute, write_transaction
from ..jobstore import next_due
from ..models import UNPUBLISHED, ScheduledTask, ServiceProcess, TaskRun
from . import recovery
from .outbox import Outbox

logger = logging.getLogger(__name__)

START_LOCK = 7_140_513  # any number that no other advisory lock of the database uses


class Service:
    """This scheduler process as others see it."""

    def __init__(self) -> None:
        name = f"scheduler-{os.getpid()}@{socket.gethostname()}"
        self.this = processes.ThisProcess(ServiceProcess.Kind.SCHEDULER, name)
        self._started = False
        self._beaten_at = self._recovered_at = float("-inf")
        self._steady_since = self._passed_at = time.monotonic()

    def start_once(self) -> None:
        """Register this process; if it is the first of the service, run the jobs that want to run at its start.

        Both happen in one transaction under a lock, so of several processes that start together one is the first.
        """
        if self._started:
            return
        processes.bury_predecessors()
        with write_transaction() as connection:
            if connection.vendor == "postgresql":
                execute(connection, "SELECT pg_advisory_xact_lock(%s)", [START_LOCK])
            first = not processes.alive(ServiceProcess.Kind.SCHEDULER).exists()
            processes.beat(self.this)
            if first:
                _run_at_start(clock.now())
        self._started = True

    def passed(self, outbox: Outbox) -> None:
        """Note a complete pass: beat and recover where it is time to."""
        now = time.monotonic()
        if now - self._passed_at > conf.get("LOST_AFTER") / 4:
            self._steady_since = now  # this process was held up: it can't tell who fell silent meanwhile
        self._passed_at = now
        if now - self._beaten_at >= conf.get("HEARTBEAT_INTERVAL"):
            processes.beat(self.this, passed=True)
            self._beaten_at = now
        if now - self._recovered_at >= conf.get("RECOVERY_INTERVAL"):
            steady = now - self._steady_since >= conf.get("LOST_AFTER")
            recovery.recover(steady=steady, broker_in_reach=outbox.away_since is None)
            self._recovered_at = now

    def interrupted(self) -> None:
        """A pass failed. Nobody could write a heartbeat then, so silence proves nothing for a while."""
        self._steady_since = time.monotonic()

    def stop(self) -> None:
        """Note that this scheduler has stopped."""
        try:
            processes.farewell(self.this)
        except Exception as error:
            logger.info("Farewell not noted: %s", error)


def _run_at_start(now: datetime) -> None:
    wanted = ScheduledTask.objects.filter(run_at_start=True, removed_at=None, paused_at=None, broken_reason="")
    started = [runs.new_run(job, now, now=now, requested_by="start") for job in wanted]
    for run in started:
        run.publish_at = now
    runs.insert(started)
    if started:
        logger.info("Service start: %d jobs run at once", len(started))


def publish_left(outbox: Outbox, limit: int) -> None:
    """Publish runs that were left behind, whose retry is due, or whose turn in line has come."""
    while outbox.ready:
        left = runs.take_unpublished(clock.now(), limit)
        outbox.put(left)
        if len(left) < limit:
            break


def seconds_until_next(now: datetime) -> float:
    """Return the seconds until a job or a planned attempt is due."""
    unpublished = TaskRun.objects.filter(state__in=UNPUBLISHED, waiting=False, publish_at__gt=now)
    instants = [next_due(), unpublished.aggregate(at=Min("publish_at"))["at"]]
    return min(((at - now).total_seconds() for at in instants if at is not None), default=float("inf"))
