"""Outcomes that no pool process lives to tell: killed children, hard limits, revokes; Celery worker, main process.

Celery's signals come on the thread that also consumes messages, which must not wait for a database. So they are put
in line for a thread that does.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

from billiard.exceptions import Terminated, TimeLimitExceeded, WorkerLostError
from celery import signals

from . import heartbeat

logger = logging.getLogger(__name__)

HEADER = "tickwork"
_reports: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
_started = threading.Lock()
_thread: threading.Thread | None = None


def _later(report: Callable[[], None]) -> None:
    global _thread
    with _started:
        if _thread is None:
            _thread = threading.Thread(target=_loop, name="tickwork-outcomes", daemon=True)
            _thread.start()
    _reports.put(report)


def _loop() -> None:
    while (report := _reports.get()) is not None:
        try:
            report()
        except Exception:
            logger.exception("An outcome could not be reported; the scheduler finds the run by its worker's heartbeat")


@signals.worker_shutdown.connect
def _drain(**_: Any) -> None:
    if _thread is not None:
        _reports.put(None)
        _thread.join(timeout=5)


@signals.task_failure.connect
def _on_failure(sender: Any = None, task_id: str = "", exception: Any = None, **_: Any) -> None:
    """Celery sends this in the pool process too, where the tracer has told the outcome; and more than once."""
    if isinstance(exception, TimeLimitExceeded):
        _later(lambda: _ended(task_id, "timeout", "The hard time limit ended it"))
    elif isinstance(exception, WorkerLostError | Terminated):
        _later(lambda: _lost(task_id, f"Its process died: {exception}"))


@signals.task_revoked.connect
def _on_revoked(request: Any = None, terminated: bool = False, expired: bool = False, **_: Any) -> None:
    if not _is_tracked(request):
        return
    if expired:
        _later(lambda: _not_started(request.id, "expired", "No worker took it before it expired"))
    elif terminated:
        _later(lambda: _terminated(request.id))
    else:
        _later(lambda: _not_started(request.id, "cancelled", "Revoked"))


@signals.task_unknown.connect
def _on_unknown(name: str = "", id: str = "", message: Any = None, **_: Any) -> None:
    if message is not None and HEADER in (message.headers or {}):
        worker = heartbeat.this_process().name
        _later(lambda: _not_started(id, "failure", f"Worker {worker} knows no task {name}"))


@signals.task_rejected.connect
def _on_rejected(message: Any = None, exc: Any = None, **_: Any) -> None:
    headers = getattr(message, "headers", None) or {}
    if HEADER in headers and headers.get("id"):
        _later(lambda: _not_started(headers["id"], "failure", f"Its message can't be read: {exc}"))


def _is_tracked(request: Any) -> bool:
    return HEADER in (getattr(request, "headers", None) or {}) or HEADER in getattr(request, "__dict__", {})


def _ended(run_id: str, state: str, reason: str) -> None:
    from ..models import State
    from ..runs import Outcome

    outcome = Outcome(State(state), reason)
    _end(run_id, outcome, (State.RUNNING,), on_this_worker=True)


def _not_started(run_id: str, state: str, reason: str) -> None:
    from ..models import State
    from ..runs import NOT_STARTED, Outcome

    _end(run_id, Outcome(State(state), reason), NOT_STARTED)


def _terminated(run_id: str) -> None:
    from .. import runs

    run = runs.get(run_id)
    _ended(run_id, "cancelled", run.reason or "Terminated")


def _lost(run_id: str, reason: str) -> None:
    from .. import runs
    from ..db import outlast
    from ..exceptions import RunNotFound
    from ..models import State

    def lose(connection: Any) -> None:
        try:
            run = runs.get(run_id)
        except RunNotFound:
            return
        if run.state == State.RUNNING and run.process == heartbeat.this_process().id:
            runs.lose(connection, run, reason)

    outlast(lose, what=f"the end of run {run_id}")


def _end(run_id: str, outcome: Any, states: tuple[Any, ...], *, on_this_worker: bool = False) -> None:
    from .. import runs
    from ..db import outlast

    process = heartbeat.this_process().id if on_this_worker else None
    outlast(
        lambda connection: runs.end(connection, run_id, outcome, states=states, process=process),
        what=f"the end of run {run_id}",
    )
