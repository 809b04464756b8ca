"""Jobs and runs as JSON documents with stable keys, for whatever is not a page; used by the CLI, any process."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from celery import current_app
from django.db.models import OuterRef, Subquery
from django.utils import timezone as django_timezone
from django.utils.translation import override

from . import triggers
from .exceptions import SchedulerError
from .lookup import JobState, state_of
from .models import ScheduledTask, TaskRun
from .schedules import restore_trigger
from .secrets import mask, mask_arguments

HEAVY = ("args", "kwargs", "options", "result", "exception", "traceback", "progress")
"""Columns of a run that a job's document does not show, and that may be large."""
BATCH = 5_000
"""Job ids in one query: SQLite takes 32,766 parameters."""


def readable_trigger(job: ScheduledTask) -> BaseTrigger | None:
    """Return a job's trigger, or None where its stored state can't be read."""
    try:
        return restore_trigger(job)
    except SchedulerError:
        return None


def shown_state(job: ScheduledTask) -> JobState:
    """Return a job's state; one whose trigger can't be read is broken, whether or not the engine has met it yet."""
    if job.removed_at is None and readable_trigger(job) is None:
        return "broken"
    return state_of(job)


def queue_name(queue: str) -> str:
    """Return the name of a job's or run's queue, Celery's default queue where it names none."""
    return queue or str(current_app.conf.task_default_queue)


def last_runs(job_ids: Sequence[str]) -> dict[str, TaskRun]:
    """Return the newest run of each of these jobs, in one query per 5,000 that looks at one index entry per job."""
    found: dict[str, TaskRun] = {}
    newest = TaskRun.objects.filter(job_id=OuterRef("pk")).order_by("-scheduled_at").values("pk")[:1]
    for start in range(0, len(job_ids), BATCH):
        ids = ScheduledTask.objects.filter(pk__in=job_ids[start : start + BATCH]).values_list(
            Subquery(newest), flat=True
        )
        found |= {run.job_id: run for run in TaskRun.objects.filter(pk__in=ids).defer(*HEAVY)}
    return found


def job_document(job: ScheduledTask) -> dict[str, Any]:
    """Return one job as `job_documents` does."""
    return job_documents([job])[0]


def job_documents(jobs: Iterable[ScheduledTask]) -> list[dict[str, Any]]:
    """Return jobs as JSON values, their secrets masked, with one query for all their last runs.

    :param jobs: as loaded with `select_related("job")`
    """
    jobs = list(jobs)
    newest = last_runs([job.id for job in jobs])
    return [_job(job, newest.get(job.id)) for job in jobs]


def _job(job: ScheduledTask, last_run: TaskRun | None) -> dict[str, Any]:
    trigger = readable_trigger(job)
    zone = None if trigger is None else triggers.timezone_of(trigger)
    args, kwargs = mask_arguments(job.task, job.args, job.kwargs)
    return {
        "id": job.id,
        "task": job.task,
        "args": args,
        "kwargs": kwargs,
        "queue": queue_name(job.queue),
        "trigger": None if trigger is None else triggers.trigger_to_data(trigger),
        "schedule": "" if trigger is None else _in_words(trigger),
        "timezone": None if zone is None else str(zone),
        "next_run_time": instant(job.job.next_run_time, zone),
        "state": shown_state(job),
        "source": str(job.source),
        "last_run": None if last_run is None else _last_run(last_run, zone),
    }


def _in_words(trigger: BaseTrigger) -> str:
    """Return a schedule in English, whoever asks: documents are for programs."""
    with override(None):
        return triggers.describe(trigger)


def _last_run(run: TaskRun, zone: tzinfo | None) -> dict[str, Any]:
    return {
        "id": str(run.id),
        "state": str(run.state),
        "scheduled_at": instant(run.scheduled_at, zone),
        "duration": run.duration,
    }


def run_document(run: TaskRun) -> dict[str, Any]:
    """Return a run as JSON values, its secrets masked; times are in the project's TIME_ZONE, durations in seconds."""
    args, kwargs = mask_arguments(run.task, run.args, run.kwargs)
    return {
        "id": str(run.id),
        "job_id": run.job_id,
        "task": run.task,
        "state": str(run.state),
        "reason": run.reason,
        "requested_by": run.requested_by,
        "scheduled_at": instant(run.scheduled_at),
        "queued_at": instant(run.queued_at),
        "started_at": instant(run.started_at),
        "finished_at": instant(run.finished_at),
        "duration": run.duration,
        "worker": run.worker,
        "queue": queue_name(run.queue),
        "attempt": run.attempt,
        "args": args,
        "kwargs": kwargs,
        "result": mask(run.result),
        "exception": run.exception,
        "traceback": run.traceback,
        "progress": run.progress,
    }


def instant(at: datetime | None, zone: tzinfo | None = None) -> str | None:
    """Return an instant as ISO 8601 with its offset.

    :param zone: Django's TIME_ZONE if left out
    """
    return None if at is None else at.astimezone(zone or django_timezone.get_default_timezone()).isoformat()
