"""Rows for the admin's tests, made through the models, and what a page says."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from django_apscheduler.models import DjangoJob

from scheduler import clock
from scheduler.jobstate import dump_state
from scheduler.models import LIVE, ScheduledTask, ServiceProcess, State, TaskRun
from scheduler.triggers import trigger_from_data

JOBS = "/admin/scheduler/scheduledtask/"
RUNS = "/admin/scheduler/taskrun/"
PROCESSES = "/admin/scheduler/serviceprocess/"
DASHBOARD = "/admin/scheduler/"
UPCOMING = "/admin/scheduler/scheduledtask/upcoming/"
EVERY_FIVE_MINUTES = {"type": "interval", "minutes": 5}


def make_job(
    job_id: str, *, trigger: dict[str, Any] | None = None, due: datetime | None = None, **fields: Any
) -> ScheduledTask:
    """Store a job that is due at `due` (in an hour unless told); `due=None` with `finished=True` has no next run."""
    finished = fields.pop("finished", False)
    following = None if finished else due or clock.now() + timedelta(hours=1)
    built = trigger_from_data(trigger or EVERY_FIVE_MINUTES, timezone="UTC")
    row = DjangoJob(id=job_id, next_run_time=following)
    job = ScheduledTask(job=row, **{"task": "tests.app.tasks.add", **fields})
    row.job_state = dump_state(job, built, following)
    row.save()
    job.save()
    return job


def make_run(
    job_id: str, state: State = State.SUCCESS, *, ago: float = 60.0, took: float = 2.0, **fields: Any
) -> TaskRun:
    """Store a run that was due `ago` seconds ago and, where it has started, took `took` seconds."""
    at = clock.now() - timedelta(seconds=ago)
    values: dict[str, Any] = {
        "job_id": job_id,
        "task": "tests.app.tasks.add",
        "state": state,
        "scheduled_at": at,
        "created_at": at,
    }
    if state not in (State.PENDING, State.SKIPPED, State.MISSED):
        values["queued_at"] = at + timedelta(milliseconds=50)
    if state not in (State.PENDING, State.QUEUED, State.SKIPPED, State.MISSED):
        values |= {"started_at": at + timedelta(milliseconds=150), "worker": "worker@host", "pid": 7}
    if state not in LIVE:
        values["finished_at"] = values.get("started_at", at) + timedelta(seconds=took)
    return TaskRun.objects.create(**{**values, **fields})


def make_process(name: str, *, silent: float = 0, stopped: bool = False, **fields: Any) -> ServiceProcess:
    """Store a worker, unless told otherwise, that was heard of `silent` seconds ago."""
    beat = clock.now() - timedelta(seconds=silent)
    values = {"kind": "worker", "host": "h", "pid": 1, "started_at": beat - timedelta(hours=1), "heartbeat_at": beat}
    return ServiceProcess.objects.create(**{**values, "name": name, "stopped_at": beat if stopped else None, **fields})


def make_scheduler(name: str = "scheduler", **fields: Any) -> ServiceProcess:
    """Store a scheduler that has just completed a pass."""
    return make_process(name, kind="scheduler", **{"last_pass_at": clock.now(), **fields})


def text_of(response: Any) -> str:
    """Return the words that a page shows, without its tags."""
    page = re.sub(r"<(script|style)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def messages_of(response: Any) -> list[str]:
    """Return the messages that a page shows."""
    return [str(message) for message in response.context["messages"]]
