"""Find a job by its id, and tell its state; in all processes."""

from __future__ import annotations

import re
from typing import Any, Literal

from django_apscheduler.models import DjangoJob

from .exceptions import InvalidInput, JobNotFound
from .models import ScheduledTask
from .said import said as _

JobState = Literal["scheduled", "paused", "finished", "broken", "removed"]
JOB_ID = re.compile(r"\w([\w .:@/+,-]*[\w.:@/+,-])?")


def check_id(job_id: Any) -> str:
    """Return a job id that every page, command and log line can hold. :raises InvalidInput: for any other"""
    if not isinstance(job_id, str) or not JOB_ID.fullmatch(job_id):
        raise InvalidInput(
            "id", job_id, _("is not a job id"), _("Use letters, digits and . _ - : / @ + , (spaces inside).")
        )
    if len(job_id) > 255:
        raise InvalidInput("id", job_id, _("has %(count)s characters", count=len(job_id)), _("255 are the most."))
    return job_id


def get_job(job_id: str, *, lock: bool = False) -> ScheduledTask:
    """Return a job with its stored APScheduler row. :raises JobNotFound: if there is none of this id"""
    jobs = ScheduledTask.objects.select_related("job")
    try:
        return (jobs.select_for_update() if lock else jobs).get(job_id=job_id)
    except (ScheduledTask.DoesNotExist, ValueError):
        raise JobNotFound(job_id) from None


def lock_job(job_id: str) -> ScheduledTask:
    """Lock a job that is not removed, and return it. :raises JobNotFound: if there is none"""
    DjangoJob.objects.select_for_update().filter(id=job_id).first()
    job = get_job(job_id)
    if job.removed_at is not None:
        raise JobNotFound(job_id)
    return job


def state_of(job: ScheduledTask) -> JobState:
    """Return a job's state; `finished` means that its schedule has no further firing."""
    if job.removed_at is not None:
        return "removed"
    if job.broken_reason:
        return "broken"
    if job.paused_at is not None:
        return "paused"
    return "finished" if job.job.next_run_time is None else "scheduled"
