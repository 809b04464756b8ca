"""APScheduler's two schedulers with a pass of our own over the job store; engine (or, embedded, the web process).

`_process_jobs` is a private method of APScheduler 3: its own submits before it persists, and one exception in it ends
the loop for good (docs/decisions). A test fails when its shape changes.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from math import inf
from typing import Any

from apscheduler.events import (
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_SUBMITTED,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from apscheduler.executors.base import BaseExecutor
from apscheduler.schedulers import background, blocking
from apscheduler.schedulers.base import STATE_PAUSED, STATE_STOPPED
from django.db import DEFAULT_DB_ALIAS, connections

from .. import clock, conf, reach
from ..db import OUTAGE, drop_connection
from ..jobstore import TickworkJobStore
from ..known_tasks import KnownTasks, registered_tasks
from . import service
from .calls import JobCalls
from .line import release_waiting
from .listening import Listener
from .outbox import Outbox
from .passes import Planned, plan_due
from .planning import Action
from .upkeep import Upkeep

logger = logging.getLogger(__name__)

EVENTS = {Action.SKIP: EVENT_JOB_MAX_INSTANCES, Action.FIRE: EVENT_JOB_SUBMITTED, Action.WAIT: EVENT_JOB_SUBMITTED}
STOP_SECONDS = 2.0
PASS_SECONDS = 0.5
"""Time after which a pass leaves what is still due to the next one, and says that it lives."""
LINE_SECONDS = 0.2
"""Time between two looks at who waits in line, while passes follow each other closely."""
HELD_SECONDS = 0.05
"""Pause after a pass that could plan nothing of what is due."""
RETRY_SECONDS = 0.1
"""Pause before the second try after the first failure of a pass."""


def load_tasks() -> None:
    """Load the tasks, which would make the first firing late. What is wrong with them, a pass tells."""
    with suppress(Exception):
        registered_tasks()


class _NoExecutor(BaseExecutor):
    """APScheduler wants an executor to start; Celery's workers are ours."""

    def _do_submit_job(self, job: Any, run_times: Any) -> None:
        raise NotImplementedError("Jobs are enqueued by the pass")


class TickworkScheduler(JobCalls):
    """What both schedulers share: the pass, the outbox and the clean end."""

    _outbox: Outbox | None = None
    _service: service.Service | None = None
    _upkeep: Upkeep | None = None
    _listener: Listener | None = None

    def _create_default_jobstore(self) -> TickworkJobStore:
        return TickworkJobStore()

    def _create_default_executor(self) -> BaseExecutor:
        return _NoExecutor()

    def _main_loop(self) -> None:
        self._begin()
        try:
            super()._main_loop()  # of APScheduler's scheduler, mixed in below
        finally:
            self._finish()

    def _begin(self) -> None:
        load_tasks()
        self._known = KnownTasks()
        self._failures = 0
        self._line_at = -inf
        self._outbox = Outbox(self.wakeup)
        self._outbox.start()
        self._service = service.Service()
        self._upkeep = Upkeep(self._outbox.put)
        self._upkeep.start()
        self._listener = Listener(self.wakeup)
        self._listener.start()

    def _finish(self) -> None:
        """Publish what is committed, say farewell and leave; nothing is planned any more."""
        outbox, self._outbox = self._outbox, None
        if self._listener is not None:
            self._listener.stop()
        if self._upkeep is not None:
            self._upkeep.stop()
        if outbox is not None:
            outbox.stop(STOP_SECONDS)
        if self._service is not None:
            self._service.stop()
        drop_connection()

    def _process_jobs(self) -> float:
        """Do one pass and return the seconds until the next. Never raises, and never returns 0 after a failure."""
        poll = float(conf.get("POLL_INTERVAL"))
        if self.state == STATE_PAUSED or self._outbox is None or self._upkeep is None:
            return poll
        try:
            with self._upkeep.held_off(), reach.limited(connections[DEFAULT_DB_ALIAS]):
                wait = self._one_pass()
            self._failures = 0
            reach.over("firing")
            return min(wait, poll)
        except OUTAGE as error:
            drop_connection()
            self._failures += 1
            if self._failures > 1:  # the first may be of a connection that an outage long past has left dead
                reach.lost("firing", error, "firing goes on when it is back")
        except Exception:
            drop_connection()
            logger.exception("A pass failed; the next one follows")
        if self._service is not None:
            self._service.interrupted()
        return min(poll, RETRY_SECONDS) if self._failures == 1 else poll

    def _one_pass(self) -> float:
        assert self._outbox is not None and self._service is not None
        self._service.start_once()
        limit = conf.get("BATCH_SIZE")
        enough, idle, planned_at = time.monotonic() + PASS_SECONDS, True, clock.now()
        while self.state != STATE_STOPPED:
            planned_at = clock.now()
            planned = plan_due(planned_at, self._known, limit=limit)
            self._outbox.put(planned.new)
            self._tell(planned)
            idle = idle and not planned.firings
            if not planned.more or time.monotonic() > enough:
                break
        line = self._look_at_line()
        due, left = service.look_ahead(planned_at)
        if left <= 0:
            self._outbox.take_left()
            left = inf  # it wakes this loop; where the broker is away, or others hold these runs, the next poll sees
        self._service.passed(self._outbox)
        if due <= 0 and idle:  # it was due then: another scheduler holds it, or somebody who has locked it
            return HELD_SECONDS
        return max(0.0, min(due, left, line) - (clock.now() - planned_at).total_seconds())

    def _look_at_line(self) -> float:
        """Let runs that wait for a place go, now and then; return the seconds to the next time where it is too soon."""
        now = time.monotonic()
        if now < self._line_at:
            return self._line_at - now
        release_waiting(clock.now())
        self._line_at = now + LINE_SECONDS
        return inf

    def _tell(self, planned: Planned) -> None:
        """Dispatch APScheduler's events to listeners of the user's."""
        for job_id, firing in planned.firings:
            at = firing.scheduled_at
            if firing.action is Action.MISS:
                self._dispatch_event(JobExecutionEvent(EVENT_JOB_MISSED, job_id, "default", at))
            else:
                self._dispatch_event(JobSubmissionEvent(EVENTS[firing.action], job_id, "default", [at]))


class BlockingScheduler(TickworkScheduler, blocking.BlockingScheduler):
    """APScheduler's BlockingScheduler: `start()` returns when the scheduler has been shut down."""

    def stop_soon(self) -> None:
        """End the loop after the pass that is under way; safe to call from a signal handler."""
        self.state = STATE_STOPPED
        if self._event is not None:
            self._event.set()


class BackgroundScheduler(TickworkScheduler, background.BackgroundScheduler):
    """APScheduler's BackgroundScheduler: `start()` returns at once, a daemon thread does the passes."""
