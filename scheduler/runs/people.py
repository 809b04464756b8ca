"""What people ask of a run: look it up, cancel it, run it again; pages and commands."""

from __future__ import annotations

import uuid
from contextlib import suppress
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DEFAULT_DB_ALIAS, connections

from .. import clock
from ..exceptions import JobNotFound, NotAllowed, RunNotFound
from ..models import LIVE, State, TaskRun
from ..said import said as _
from .endings import Outcome, end
from .statements import NOT_STARTED


def get(run_id: str | uuid.UUID) -> TaskRun:
    """Return a run. :raises RunNotFound: if there is none of this id"""
    try:
        return TaskRun.objects.get(id=run_id)
    except (TaskRun.DoesNotExist, ValidationError, ValueError):
        raise RunNotFound(run_id) from None


def cancel(run_id: str | uuid.UUID, *, by: str = "", reason: str = "") -> TaskRun:
    """Cancel a run: at once where no worker has started it, else by asking its task to stop.

    A running task learns of it at its next call of `progress()`; after `CANCEL_GRACE` seconds its worker ends it.

    :param by: who asks, for the record
    :param reason: shown with the run in place of "Cancelled by …"
    :raises RunNotFound: if there is none of this id
    :raises NotAllowed: if the run has ended
    """
    run = get(run_id)
    text = reason or f"Cancelled by {by or 'an unnamed caller'}"
    while run.is_live and run.cancel_requested_at is None:  # it may start, or go on to another attempt, in between
        if end(connections[DEFAULT_DB_ALIAS], str(run.id), Outcome(State.CANCELLED, text), states=NOT_STARTED):
            return get(run_id)
        running = TaskRun.objects.filter(id=run.id, state=State.RUNNING, cancel_requested_at=None)
        running.update(cancel_requested_at=clock.now(), cancel_requested_by=by, reason=text)
        run = get(run_id)
    if not run.is_live:
        raise NotAllowed(
            _("Run %(run)s can't be cancelled: it has ended already (%(state)s).", run=run.id, state=_(run.state))
        )
    return run


def cancel_live(job_id: str, *, reason: str) -> None:
    """Cancel every live run of a job; those that have ended meanwhile are left alone."""
    for run in TaskRun.objects.filter(job_id=job_id, state__in=LIVE):
        with suppress(NotAllowed):
            cancel(run.id, reason=reason)


def terminate(run_id: str | uuid.UUID, *, by: str = "") -> TaskRun:
    """Cancel a run, and have its worker end its process within about a second, whatever the task is doing.

    :param by: who asks, for the record
    :raises RunNotFound: if there is none of this id
    :raises NotAllowed: if the run has ended
    """
    run = cancel(run_id, by=by)
    if run.is_live:
        running = TaskRun.objects.filter(id=run.id, state=State.RUNNING, terminate_requested_at=None)
        running.update(
            terminate_requested_at=clock.now(), reason=f"{run.reason}, terminated by {by or 'an unnamed caller'}"
        )
        run.refresh_from_db()
    return run


def retry(
    run_id: str | uuid.UUID,
    *,
    by: str = "",
    args: Any = None,
    kwargs: Any = None,
    queue: str | None = None,
    overlap: str | None = None,
    note: str = "",
    new_id: str | uuid.UUID | None = None,
) -> TaskRun:
    """Run an ended run's job once more, with the run's arguments; the job's overlap rules apply as to any manual run.

    :param by: who asks, shown with the new run
    :param args: positional arguments in place of the run's
    :param kwargs: keyword arguments in place of the run's
    :param queue: a queue in place of the job's
    :param overlap: a policy in place of the job's
    :param note: why, shown with the new run
    :param new_id: the new run's id, as for `run_job`
    :return: the new run
    :raises RunNotFound: if there is none of this id
    :raises NotAllowed: if the run has not ended, or its job is gone
    :raises InvalidInput: if the task is unknown by now, or doesn't take these arguments
    """
    from ..on_demand import run_job  # which imports this module

    run = get(run_id)
    if run.is_live:
        raise NotAllowed(
            _("Run %(run)s can't be retried: it has not ended (%(state)s).", run=run.id, state=_(run.state))
        )
    try:
        return run_job(
            run.job_id,
            args=run.args if args is None else args,
            kwargs=run.kwargs if kwargs is None else kwargs,
            queue=queue,
            overlap=overlap,
            by=by,
            note=f"{note}\nRetry of {run.id}".strip(),
            run_id=new_id,
        )
    except JobNotFound:
        raise NotAllowed(
            _("Run %(run)s can't be retried: its job %(job)r is gone.", run=run.id, job=run.job_id)
        ) from None
