"""The task class: claims a run before its body and reports what became of it; Celery worker, in each pool process.

It wraps the tracer that Celery builds for a task, the one place that every message goes through and no subclass hook
can skip. Celery swallows exceptions from signal handlers, so a signal could not keep a body from running.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from billiard.common import terminate_handler_fired
from billiard.einfo import ExceptionInfo
from celery import Task, states
from celery.app.trace import trace_ok_t
from celery.canvas import Signature
from celery.exceptions import Retry

from ..exceptions import TaskOutOfMemory
from . import reporting
from .capture import capturing
from .outcomes import UntoldOutcome

logger = logging.getLogger(__name__)

HEADER = "tickwork"  # as in publishing.py, which a Celery app can't import before Django's apps are ready
SOFT_LIMIT = getattr(signal, "SIGUSR1", None)  # Celery's signal for it, where the platform has it
Tracer = Callable[..., trace_ok_t]


class TrackedTask(Task):
    """A Celery task whose scheduled runs are recorded. Messages that no job sent pass through untouched."""

    abstract = True
    Request = "scheduler.worker.requests:TrackedRequest"
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
            own = {} if cls.Request == Task.Request else {"Request": cls.Request}
            task.__class__ = type(cls.__name__, (TrackedTask, cls), {"__module__": cls.__module__, **own})


def _tracked(task: Task, tracer: Tracer) -> Tracer:
    def trace(uuid: str, args: Any, kwargs: Any, request: dict[str, Any] | None = None) -> trace_ok_t:
        number = (request or {}).get(HEADER)
        if number is None:
            return _spare_the_worker(tracer(uuid, args, kwargs, request))
        with _no_soft_limit():
            attempt = reporting.begin(uuid, number, task.name)
        if attempt is None:
            return trace_ok_t(None, None, 0.0, "'not claimed: a duplicate, or its run has ended'")
        attempt.may_hand_over = task.Request == TrackedTask.Request
        pid = os.getpid()
        try:
            with capturing(attempt.log):
                traced = tracer(uuid, attempt.claim.args, attempt.claim.kwargs, request)
            _end_copy(pid, traced.info)
            with _no_soft_limit():
                _report(attempt, traced)
        except BaseException as error:  # SystemExit and its like end this process; the run's end is told first
            _end_copy(pid, error)
            if not terminate_handler_fired():  # else the main process knows why it ended this one, and tells
                with _no_soft_limit():
                    attempt.fail(error, None)
            raise
        else:
            return _hand_over(attempt, _spare_the_worker(traced))
        finally:
            reporting.leave(attempt)

    return trace


def _end_copy(pid: int, error: object) -> None:
    """End this process if it is a copy that the body has forked: it must not tell the run's end, nor take messages."""
    if os.getpid() != pid:
        os._exit(1 if error else 0)


@contextmanager
def _no_soft_limit() -> Iterator[None]:
    """Hold off the soft time limit, which is for the body: in here it would tear the claim or the outcome apart."""
    if SOFT_LIMIT is None or threading.current_thread() is not threading.main_thread():
        yield
        return
    handler = signal.signal(SOFT_LIMIT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(SOFT_LIMIT, handler or signal.SIG_DFL)


def _hand_over(attempt: reporting.Attempt, traced: trace_ok_t) -> trace_ok_t:
    """Let the main process tell an outcome that the database was not there for; this process is free then."""
    if attempt.untold is None:
        return traced
    answer = (1, traced.retval, traced.runtime) if traced.info else (0, traced.retstr, traced.runtime)
    try:
        raise UntoldOutcome(attempt.run_id, attempt.number, attempt.untold, answer)
    except UntoldOutcome:
        return traced._replace(retval=ExceptionInfo(), info=True)


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
