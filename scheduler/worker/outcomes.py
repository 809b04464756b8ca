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
from celery.worker import state as worker_state

from . import forking, heartbeat

logger = logging.getLogger(__name__)

HEADER = "tickwork"
OURS = "application/json"
"""The content type of our messages; what says otherwise and bears a run's id is not the run's message."""
_reports: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
_started = threading.Lock()
_thread: threading.Thread | None = None


class UntoldOutcome(Exception):
    """Travels in place of a task's answer where the database was out of reach when the body had ended.

    The pool process need not wait then: it would be killed by a hard time limit, and its outcome with it.
    """

    def __init__(self, run_id: str, number: int, outcome: Any, answer: tuple[int, Any, float]) -> None:
        super().__init__(run_id, number, outcome, answer)
        self.run_id, self.number, self.outcome, self.answer = run_id, number, outcome, answer


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
def _leave(**_: Any) -> None:
    """Tell what is left, as long as a warm shutdown lasts; only then say farewell, which gives up what runs here."""
    if _thread is not None:
        _reports.put(None)
        while _thread.is_alive() and not worker_state.should_terminate:
            _thread.join(timeout=0.5)
    heartbeat.stop()


def take_over(run_id: str, number: int, outcome: Any) -> None:
    """Write an attempt's outcome in place of its pool process, once the database is back."""
    _later(lambda: write(run_id, number, outcome))


def write(run_id: str, number: int, outcome: Any, *, give_up: Callable[[], bool] = lambda: False) -> None:
    """Write an attempt's outcome, through any outage. What the database refuses for its content is told without it.

    :param give_up: asked at each failure; when true the outage is raised
    """
    from dataclasses import replace

    from django.db import DatabaseError

    from .. import runs
    from ..db import OUTAGE, close_own_connection, outlast

    def finish(connection: Any) -> bool:
        return runs.finish(connection, run_id, number, outcome)

    what = f"the outcome of run {run_id} ({outcome.state})"
    try:
        written = outlast(finish, what=what, give_up=give_up)
    except OUTAGE:
        raise
    except (DatabaseError, ValueError) as error:
        logger.exception("Run %s: its outcome can't be stored as it is", run_id)
        close_own_connection()
        reason = f"Its outcome could not be stored whole: {type(error).__name__}"
        outcome = replace(outcome, reason=reason, result=None, exception="", traceback="", progress=None, log=())
        written = outlast(finish, what=what, give_up=give_up)
    if not written:
        logger.warning("Run %s, attempt %d: ended as %s, but it had ended before", run_id, number, outcome.state)


@signals.task_failure.connect
def _on_failure(sender: Any = None, task_id: str = "", exception: Any = None, **_: Any) -> None:
    """Celery sends this in the pool process too, where the tracer has told the outcome; and more than once."""
    if isinstance(exception, TimeLimitExceeded):
        _later(lambda: _ended(task_id, "timeout", "The hard time limit ended it"))
    elif isinstance(exception, WorkerLostError | Terminated):
        _later(lambda: _lost(task_id, f"Its process died: {exception}"))


@signals.task_revoked.connect
def _on_revoked(request: Any = None, terminated: bool = False, **_: Any) -> None:
    if not is_tracked(request):
        return
    if terminated:
        _later(lambda: _ended(request.id, "cancelled", "Terminated"))
    else:
        _later(lambda: _not_started(request.id, "cancelled", "Revoked"))


@signals.task_unknown.connect
def _on_unknown(name: str = "", id: str = "", message: Any = None, **_: Any) -> None:
    if message is not None and HEADER in (message.headers or {}):
        _later(lambda: _unknown(id, name))


@signals.task_rejected.connect
def _on_rejected(message: Any = None, exc: Any = None, **_: Any) -> None:
    headers = getattr(message, "headers", None) or {}
    if HEADER in headers and headers.get("id") and getattr(message, "content_type", "") == OURS:
        _later(lambda: _not_started(headers["id"], "failure", f"Its message can't be read: {exc}"))


def is_tracked(request: Any) -> bool:
    """Tell whether a worker's request is for a run."""
    return HEADER in (getattr(request, "headers", None) or {}) or HEADER in getattr(request, "__dict__", {})


def _ended(run_id: str, state: str, reason: str) -> None:
    """End a run whose process this worker has ended."""
    from ..models import State
    from ..runs import Outcome

    # A cancelled run keeps what whoever cancelled it has left.
    told = (lambda run: run.reason or reason) if state == State.CANCELLED else (lambda _: reason)
    _end(run_id, lambda run: Outcome(State(state), told(run)), (State.RUNNING,))


def give_up(run_id: str, attempt: int, reason: str) -> None:
    """Tell that an attempt's process died, where no signal of Celery's did."""
    _later(lambda: _lost(run_id, reason, attempt))


def _lost(run_id: str, reason: str, attempt: int | None = None) -> None:
    from .. import runs

    def lose(connection: Any, run: Any) -> None:
        if run.state == "running" and run.process == heartbeat.this_process().id and attempt in (None, run.attempt):
            runs.lose(connection, run, reason)

    _with_run(run_id, lose)


def _not_started(run_id: str, state: str, reason: str) -> None:
    from ..models import State
    from ..runs import NOT_STARTED, Outcome

    _end(run_id, lambda _: Outcome(State(state), reason), NOT_STARTED)


def _unknown(run_id: str, name: str) -> None:
    """End a run whose task this worker doesn't know; a message that only bears its id says nothing of it."""
    from ..models import State
    from ..runs import NOT_STARTED, Outcome

    worker = heartbeat.this_process().name
    reason = f"Worker {worker} knows no task {name}. Restart it: a worker loads code when it starts."
    outcome = Outcome(State.FAILURE, reason)
    _end(run_id, lambda run: outcome if run.task == name else None, NOT_STARTED)


def _end(run_id: str, outcome_of: Callable[[Any], Any], states: tuple[Any, ...]) -> None:
    """End a run that is in one of `states`, and if it is running, on this worker."""
    from .. import runs
    from ..models import State

    def end(connection: Any, run: Any) -> None:
        outcome = outcome_of(run)
        if outcome is not None:
            process = heartbeat.this_process().id if State.RUNNING in states else None
            runs.end(connection, run_id, outcome, states=states, process=process)

    _with_run(run_id, end)


def _with_run(run_id: str, work: Callable[[Any, Any], None]) -> None:
    """Do `work` with a connection and the run, through any outage; nothing where no run has this id."""
    from django.db import connection as default

    from .. import reach, runs
    from ..db import outlast
    from ..exceptions import RunNotFound

    def ask(connection: Any) -> None:
        with forking.held_off():
            try:
                with reach.limited(default):
                    run = runs.get(run_id)
            except RunNotFound:
                return
            work(connection, run)

    outlast(ask, what=f"the end of run {run_id}")
