"""What a scheduler does beside its passes: starts the service once, beats, recovers, publishes leftovers; engine."""

from __future__ import annotations

import logging
import os
import socket
import time
from collections import Counter
from datetime import datetime
from math import inf

from django.db import DEFAULT_DB_ALIAS, connections

from .. import clock, conf, processes, reach, runs
from ..db import execute, write_transaction
from ..jobstore import TABLE as JOBS
from ..models import LIVE, UNPUBLISHED, Overlap, ScheduledTask, ServiceProcess, TaskRun
from ..runs.statements import TABLE as RUNS
from ..runs.statements import aware, marks
from . import clocks, recovery
from .outbox import Outbox
from .sounding import Sounding

logger = logging.getLogger(__name__)

START_LOCK = 7_140_513  # any number that no other advisory lock of the database uses
FAREWELL_SECONDS = 2.0
JUMP = 30.0
"""Seconds; a host's clock that is set back by less is taken for a small correction."""


class Service:
    """This scheduler process as others see it."""

    def __init__(self) -> None:
        name = f"scheduler-{os.getpid()}@{socket.gethostname()}"
        self.this = processes.ThisProcess(ServiceProcess.Kind.SCHEDULER, name)
        self._started = False
        self._beaten_at = self._recovered_at = float("-inf")
        self._steady_since = self._passed_at = time.monotonic()
        self._host_clock, self._database_clock = clocks.SteadyClock(), clocks.SteadyClock()
        self._present = False
        self._sounding = Sounding()

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
        recover = now - self._recovered_at >= conf.get("RECOVERY_INTERVAL")
        if recover or now - self._beaten_at >= conf.get("HEARTBEAT_INTERVAL"):
            self._beat(now, outbox)
        if recover:
            if self._host_clock.jump(clock.now()) < -JUMP:
                self._present = False
            if not self._present:
                clocks.return_to_present()
                self._present = True
            steady = now - self._steady_since >= conf.get("LOST_AFTER")
            recovery.recover(steady=steady)
            outbox.ask(self._ask_broker)
            self._recovered_at = now

    def _ask_broker(self) -> None:
        """Look after the messages; called on the outbox's thread."""
        if self._sounding.take():
            recovery.send_lost_messages()

    def _beat(self, now: float, outbox: Outbox) -> None:
        """Beat. Where the database's clock has jumped meanwhile, heartbeats of before prove nothing for a while."""
        self.this.info["broker"] = self._sounding.told(outbox.away_since)
        jump = self._database_clock.jump(processes.beat(self.this, passed=True))
        if abs(jump) > conf.get("LOST_AFTER") / 4:
            logger.warning("The database's clock has jumped by %.0f s", jump)
            self._steady_since = now
        self._beaten_at = now

    def interrupted(self) -> None:
        """A pass failed. Nobody could write a heartbeat then, so silence proves nothing for a while."""
        self._steady_since = time.monotonic()

    def stop(self) -> None:
        """Note that this scheduler has stopped."""
        try:
            with reach.limited(connections[DEFAULT_DB_ALIAS], FAREWELL_SECONDS):
                processes.farewell(self.this)
        except Exception as error:
            logger.info("Farewell not noted: %s", error)


def _run_at_start(now: datetime) -> None:
    """Run the jobs that want it; where a run of an earlier life is still live, the new one waits in line."""
    wanted = list(ScheduledTask.objects.filter(run_at_start=True, removed_at=None, paused_at=None, broken_reason=""))
    live = Counter(TaskRun.objects.filter(state__in=LIVE).values_list("job_id", flat=True)) if wanted else Counter()
    started = []
    for job in wanted:
        full = job.overlap != Overlap.ALLOW and live[job.id] >= job.max_instances
        started.append(runs.new_run(job, now, now=now, waiting=full, requested_by="start"))
        started[-1].publish_at = None if full else now
    runs.insert(started)
    if started:
        logger.info("Service start: %d jobs run at once", len(started))


def look_ahead(now: datetime) -> tuple[float, float]:
    """Return the seconds until a job is due, and until a run is to be published; what is late gives 0 or less."""
    unpublished = f"FROM {RUNS} WHERE state IN ({marks(UNPUBLISHED)}) AND waiting = %s"
    sql = f"SELECT (SELECT min(next_run_time) FROM {JOBS}), (SELECT min(publish_at) {unpublished})"  # noqa: S608
    [instants] = execute(connections[DEFAULT_DB_ALIAS], sql, [*UNPUBLISHED, False])
    due, publish = (inf if at is None else (at - now).total_seconds() for at in map(aware, instants))
    return due, publish
