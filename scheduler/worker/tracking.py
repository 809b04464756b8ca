"""The task class: claims a run before its body and reports what became of it; Celery worker, in each pool process.

It wraps the tracer that Celery builds for a task, the one place that every message goes through and no subclass hook
can skip. Celery swallows exceptions from signal handlers, so a signal could not keep a body from running.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import Task, states
from celery.app.trace import trace_ok_t
from celery.canvas import Signature
from celery.exceptions import Retry

from ..exceptions import TaskOutOfMemory
from . import reporting

logger = logging.getLogger(__name__)

HEADER = "tickwork"  # as in publishing.py, which a Celery app can't import before Django's apps are ready
Tracer = Callable[..., trace_ok_t]


class TrackedTask(Task):
    """A Celery task whose scheduled runs are recorded. Messages that no job sent pass through untouched."""

    abstract = True
    _tracer: Tracer | None = None

    @property
    def __trace__(self) -> Tracer | None:
        return self._tracer

    @__trace__.setter
    def __trace__(self, tracer: Tracer | None) -> None:
        self._tracer = tracer and _tracked(self, tracer)

    def signature_from_request(self, request: Any = None, *args: Any, **options: Any) -> Signature:
        """Return the signature of a retry. A tracked run's is not sent: the report plans the attempt in the database.

        A countdown would sit in a worker's memory and die with it (Celery's documentation on ETA and countdown).
        """
        signature = super().signature_from_request(request, *args, **options)
        attempt = reporting.current_attempt()
        if attempt is not None and (request or self.request).id == attempt.run_id:
            return _PlannedRetry(signature, attempt)
        return signature


class _PlannedRetry(Signature):
    """A retry's signature whose sending is a note on the attempt."""

    def __init__(self, signature: Signature, attempt: reporting.Attempt) -> None:
        super().__init__(signature)
        self._attempt = attempt

    def apply_async(self, *args: Any, **options: Any) -> None:
        self._attempt.planned_retry = self


def adopt(app: Any) -> None:
    """Give tasks with a base class of their own, which `task_cls` doesn't reach, the tracking as well."""
    for task in app.tasks.values():
        if not isinstance(task, TrackedTask):
            cls = type(task)
            task.__class__ = type(cls.__name__, (TrackedTask, cls), {"__module__": cls.__module__})


def _tracked(task: Task, tracer: Tracer) -> Tracer:
    def trace(uuid: str, args: Any, kwargs: Any, request: dict[str, Any] | None = None) -> trace_ok_t:
        number = (request or {}).get(HEADER)
        if number is None:
            return _spare_the_worker(tracer(uuid, args, kwargs, request))
        attempt = reporting.begin(uuid, number, task.name)
        if attempt is None:
            return trace_ok_t(None, None, 0.0, "'not claimed: a duplicate, or its run has ended'")
        try:
            traced = tracer(uuid, attempt.claim.args, attempt.claim.kwargs, request)
        except BaseException as error:  # SystemExit and its like end this process; the run's end is told first
            attempt.end_with_error(error)
            raise
        else:
            _report(attempt, traced)
            return _spare_the_worker(traced)
        finally:
            reporting.leave(attempt)

    return trace


def _report(attempt: reporting.Attempt, traced: trace_ok_t) -> None:
    """Turn what the tracer returned (result, or an error's info with its state) into the run's outcome."""
    result, error = traced.retval, traced.info
    retry = attempt.planned_retry
    if error is None and retry is None:
        attempt.succeed(result)
    elif retry is not None and (error is None or error.state == states.RETRY):
        cause = error.retval if error is not None and isinstance(error.retval, Retry) else None
        attempt.retry(
            args=list(retry.args), kwargs=dict(retry.kwargs), at=_due(retry), error=cause and cause.exc, info=result
        )
    elif error.state == states.REJECTED and getattr(error.retval, "requeue", False):
        attempt.retry(at=timedelta(seconds=1), error=error.retval, info=result)
    elif error.state in (states.REJECTED, states.IGNORED):
        attempt.end_by_itself(error.state, error.retval)
    else:
        attempt.fail(error.retval, result)


def _due(retry: Signature) -> Any:
    """Return when the task wants to be retried: an instant, or a delay from now."""
    eta, countdown = retry.options.get("eta"), retry.options.get("countdown")
    return eta if eta is not None else timedelta(seconds=countdown or 0)


def _spare_the_worker(traced: trace_ok_t) -> trace_ok_t:
    """Keep a task's MemoryError from its parent process, which would stop the whole worker (Celery 5.7 raises it)."""
    if traced.info is None or not isinstance(getattr(traced.info, "retval", None), MemoryError):
        return traced
    try:
        raise TaskOutOfMemory(f"MemoryError: {traced.info.retval}")
    except TaskOutOfMemory:
        return traced._replace(retval=ExceptionInfo())
