"""Run a job because somebody asks for it, beside its schedule; in all processes."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from . import clock, options, runs, soon
from .arguments import check_arguments
from .db import write_transaction
from .exceptions import InvalidInput
from .known_tasks import task_name
from .lookup import lock_job
from .models import LIVE, Overlap, TaskRun
from .said import said as _


def run_job(
    job_id: str,
    *,
    args: Any = None,
    kwargs: Any = None,
    by: str = "",
    note: str = "",
    overlap: str | None = None,
    queue: str | None = None,
    run_id: str | uuid.UUID | None = None,
) -> TaskRun:
    """Run a job now, beside its schedule.

    Where as many runs as `max_instances` allows are live, the new one waits in line, whatever the job's overlap
    policy says of its firings (`replace` and `allow` are followed).

    :param args: positional arguments in place of the job's own
    :param kwargs: keyword arguments in place of the job's own
    :param by: who asks, shown with the run
    :param note: why, shown with the run
    :param overlap: a policy in place of the job's own
    :param queue: a queue in place of the job's own
    :param run_id: the run's id, a random UUID (version 4). Asking again with the same one gives the same run
    :raises JobNotFound: if there is none of this id, or it was removed
    :raises InvalidInput: if the arguments don't fit the task, or another value is wrong
    """
    new_id = uuid.uuid4() if run_id is None else _random_id(run_id)
    note = options.CHECKS["description"]("note", note)
    queue = None if queue is None else options.CHECKS["queue"]("queue", queue)
    with write_transaction():
        if run_id is not None and (run := _asked_before(new_id, job_id)) is not None:
            return run
        job = lock_job(job_id)
        if args is not None or kwargs is not None:
            args, kwargs = check_arguments(
                job.task, job.args if args is None else args, job.kwargs if kwargs is None else kwargs
            )
        task_name(job.task)
        policy = options.CHECKS["overlap"]("overlap", overlap or job.overlap)
        live = TaskRun.objects.filter(job_id=job.id, state__in=LIVE).count()
        full = policy != Overlap.ALLOW and live >= job.max_instances
        if full and policy == Overlap.REPLACE:
            runs.cancel_live(job.id, reason=f"Replaced by a run that {by or 'somebody'} asked for")
        run = runs.new_run(
            job,
            _free_instant(job.id),
            now=clock.now(),
            waiting=full,
            run_id=new_id,
            args=args,
            kwargs=kwargs,
            queue=queue,
            requested_by=by or "somebody",
            note=note,
        )
        runs.insert([run])
        if not full:
            transaction.on_commit(lambda: soon.publish([run]))
    return run


def _random_id(run_id: str | uuid.UUID) -> uuid.UUID:
    """Return a run's id as its asker chose it; that of a firing, which can be computed, would take the firing's place.

    :raises InvalidInput: if it is not a random UUID
    """
    try:
        chosen = uuid.UUID(str(run_id))
    except ValueError:
        chosen = None
    if chosen is None or chosen.version != 4:
        raise InvalidInput("run_id", run_id, _("is not a random UUID (version 4)"), _("Make it with uuid.uuid4()."))
    return chosen


def _asked_before(run_id: uuid.UUID, job_id: str) -> TaskRun | None:
    """Return the run that was asked for under this id; of two who ask at once, the second waits for the first."""
    DjangoJob.objects.select_for_update().filter(id=job_id).first()
    run = TaskRun.objects.filter(id=run_id).first()
    if run is not None and run.job_id != job_id:
        raise InvalidInput(
            "run_id", str(run_id), _("is the id of a run of job %(job)s", job=run.job_id), _("Make a new one.")
        )
    return run


def enqueue(job_id: str) -> str:
    """What every stored APScheduler job calls: run the job now. Our own engine does the same in bulk."""
    return str(run_job(job_id, by="APScheduler").id)


def _free_instant(job_id: str) -> datetime:
    """Return now, or the next microsecond at which the job has no execution (the library keys them by run time)."""
    at = clock.now()
    while DjangoJobExecution.objects.filter(job_id=job_id, run_time=at).exists():
        at += timedelta(microseconds=1)
    return at
