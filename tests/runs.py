"""Looking at runs from a test."""

from __future__ import annotations

from typing import Any

from django_apscheduler.models import DjangoJobExecution

from scheduler.models import TERMINAL, TaskRun
from tests.waiting import wait_for


def runs_of(job_id: str, **filters: Any) -> list[TaskRun]:
    """Return a job's runs, earliest first."""
    return list(TaskRun.objects.filter(job_id=job_id, **filters).order_by("scheduled_at", "created_at"))


def wait_for_runs(job_id: str, count: int = 1, *, timeout: float = 15, **filters: Any) -> list[TaskRun]:
    """Wait until a job has so many runs that match, and return them."""
    wait_for(
        lambda: len(runs_of(job_id, **filters)) >= count,
        what=lambda: f"{count} runs of {job_id} with {filters}, got {[(r.state, r.reason) for r in runs_of(job_id)]}",
        timeout=timeout,
    )
    return runs_of(job_id, **filters)


def wait_for_end(run: TaskRun, *, timeout: float = 15) -> TaskRun:
    """Wait until a run has ended, and return it as it is then."""

    def ended() -> TaskRun | None:
        run.refresh_from_db()
        return run if run.state in TERMINAL else None

    try:
        found = wait_for(ended, timeout=timeout)
    except AssertionError:
        raise AssertionError(f"{run!r} has not ended within {timeout} s: {run.state} {run.reason}") from None
    assert found is not None
    return found


def execution_of(run: TaskRun) -> DjangoJobExecution:
    """Return the run's row in django-apscheduler's table, as plain code finds it."""
    return DjangoJobExecution.objects.get(job_id=run.job_id, run_time=run.scheduled_at)
