"""Clocks that jump: the host's, which jobs are planned by, and the database's, which heartbeats go by; engine."""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from django_apscheduler.models import DjangoJob

from .. import clock, jobstate, triggers
from ..exceptions import SchedulerError
from ..models import State, TaskRun

logger = logging.getLogger(__name__)

AGREE = timedelta(seconds=60)
"""What the clocks of two hosts may differ by."""


class SteadyClock:
    """Compares a clock with the time that this process has lived, which no correction of a clock changes."""

    def __init__(self) -> None:
        self._offset: float | None = None

    def jump(self, shown: datetime) -> float:
        """Return by how many seconds the clock has jumped since the last call, when it shows `shown`."""
        offset = shown.timestamp() - time.monotonic()
        before, self._offset = self._offset, offset
        return 0.0 if before is None else offset - before


def return_to_present() -> int:
    """Bring jobs back that a clock which was ahead has moved into the future; return how many.

    A scheduled run of an instant to come proves that the clock was ahead. Instants that have a run by now don't get
    another. Without this, a clock that was a day ahead for a minute would leave every job silent for a day.
    """
    now = clock.now()
    ahead = now + AGREE
    TaskRun.objects.filter(state=State.PENDING, publish_at__gt=ahead).update(publish_at=now)
    TaskRun.objects.filter(state=State.QUEUED, queued_at__gt=ahead).update(queued_at=now)
    early = TaskRun.objects.filter(requested_by="schedule", scheduled_at__gt=ahead).values("job_id").distinct()
    returned = 0
    for job in DjangoJob.objects.filter(id__in=early, next_run_time__gt=ahead):
        try:
            at = triggers.next_fire_time(jobstate.load_trigger(job.job_state), now, job_id=job.id)
        except SchedulerError:
            continue
        if at is not None and at < job.next_run_time:
            unchanged = DjangoJob.objects.filter(id=job.id, next_run_time=job.next_run_time)
            returned += unchanged.update(next_run_time=at)
    if returned:
        logger.warning("The clock was ahead and has been set back: %d jobs are planned anew", returned)
    return returned
