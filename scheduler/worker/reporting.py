"""One attempt of a run, from its claim to its outcome, and `progress()`; Celery worker, in each pool process.

Everything goes through a database connection of tracking's own, so neither the task's transactions nor Django's
closing of connections around a task touch it.
"""

from __future__ import annotations

import logging
import os
import threading
import traceback as traceback_module
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from celery.exceptions import SoftTimeLimitExceeded

from ..exceptions import TaskCancelled
from . import heartbeat, outcomes
from .logs import AttemptLog
from .progress import ProgressReporter

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from ..runs import Claim, Outcome

logger = logging.getLogger(__name__)


class _Current(threading.local):
    attempt: Attempt | None = None


_current = _Current()


def current_attempt() -> Attempt | None:
    """Return the attempt that this thread is in the body of, if any."""
    return _current.attempt


def begin(run_id: str, number: int, task: str) -> Attempt | None:
    """Claim an attempt, waiting while the database is away; None means that its body must not run."""
    from .. import clock, runs
    from ..db import outlast

    try:
        uuid.UUID(run_id)
        number = int(number)
    except (TypeError, ValueError):
        logger.warning("Message %.100r claims to be a run, but has no run's id", run_id)
        return None
    mine, pid, now, tries, log_end = heartbeat.this_process(), os.getpid(), clock.now(), 0, (0, 0)

    def claim_it(connection: BaseDatabaseWrapper) -> Claim | None:
        nonlocal tries, log_end
        tries += 1
        told = runs.claim(connection, run_id, number, task, worker=mine.name, process=mine.id, pid=pid, now=now)
        if told is None and tries > 1:
            told = runs.claimed_before(connection, run_id, number, process=mine.id, pid=pid, now=now)
        if told is not None and number > 1:
            log_end = runs.log_end(connection, run_id)
        return told

    claim = outlast(claim_it, what=f"the claim of run {run_id}")
    if claim is None:
        logger.info("Run %s, attempt %d: not claimed (a duplicate, or it has ended)", run_id, number)
        return None
    _current.attempt = attempt = Attempt(run_id, number, task, claim, log_end)
    return attempt


def leave(attempt: Attempt) -> None:
    """Forget the attempt that this thread was in."""
    attempt.reporter.stop()
    attempt.log.stop()
    _current.attempt = None


def progress(current: float, total: float | None = None, text: str = "") -> None:
    """Tell how far the task has come; shown with its run. Outside a tracked run it does nothing.

    :param current: what is done
    :param total: what there is to do, in the same unit, if known
    :param text: a few words for people
    :raises TaskCancelled: if somebody has cancelled the run; let it pass, so that the task ends
    """
    attempt = _current.attempt
    if attempt is None:
        return
    if attempt.reporter.cancelled:
        raise TaskCancelled("Somebody has cancelled this run.")
    attempt.reporter.note(current, total, text)


class Attempt:
    """A claimed attempt, and how to end it. Every end is written once; a second one finds its guard closed."""

    def __init__(self, run_id: str, number: int, task: str, claim: Claim, log_end: tuple[int, int] = (0, 0)) -> None:
        self.run_id, self.number, self.task, self.claim = run_id, number, task, claim
        self.planned_retry: Any = None
        self.may_hand_over = False
        """Whether the main process takes an outcome that the database can't be told now."""
        self.untold: Outcome | None = None
        self.reporter = ProgressReporter(run_id, number)
        self.log = AttemptLog(run_id, number, lambda text: self.conceal(text), *log_end)

    @cached_property
    def conceal(self) -> Callable[[str], str]:
        """Masks the values of the run's secret arguments in a text; made when the first text comes."""
        from ..secrets import concealer

        return concealer(self.task, self.claim.args, self.claim.kwargs)

    def succeed(self, result: Any) -> None:
        """The body returned `result`."""
        from .. import conf
        from ..models import State
        from ..texts import to_json

        stored = None if result is None else to_json(result, conf.get("MAX_RESULT_BYTES"))
        self._end(State.SUCCESS, result=stored)

    def fail(self, error: BaseException, info: Any) -> None:
        """The body raised `error`; a soft time limit and a cancellation have states of their own."""
        from ..models import State

        told = {"exception": self.conceal(_line(error)), "traceback": self.conceal(_traceback(info, error))}
        if isinstance(error, SoftTimeLimitExceeded):
            self._end(State.TIMEOUT, reason="The soft time limit ended it", **told)
        elif isinstance(error, TaskCancelled):
            self._end(State.CANCELLED, **told)
        else:
            self._end(State.FAILURE, **told)

    def end_by_itself(self, celery_state: str, error: BaseException) -> None:
        """The body raised Celery's Ignore (it ended as it wanted to, or replaced itself) or Reject."""
        from ..models import State

        if celery_state == "IGNORED":
            self._end(State.SUCCESS, reason="The task ended itself with Ignore, or replaced itself by another")
        else:
            self._end(State.FAILURE, reason="The task rejected its message", exception=self.conceal(_line(error)))

    def retry(self, *, at: datetime | timedelta, error: Any, info: Any, args: Any = None, kwargs: Any = None) -> None:
        """The task asked to be tried again `at` an instant or after a delay."""
        from .. import clock
        from ..models import State

        due = at if isinstance(at, datetime) else clock.now() + at
        if due.tzinfo is None:
            due = due.astimezone()
        exception = self.conceal(_line(error)) if error else ""
        self._end(
            State.RETRYING,
            reason=f"Attempt {self.number} asked to be tried again" + (f": {exception}" if error else ""),
            exception=exception,
            traceback=self.conceal(_traceback(info, error)) if error else "",
            retry_at=due,
            retry_args=None if args == self.claim.args else args,
            retry_kwargs=None if kwargs == self.claim.kwargs else kwargs,
        )

    def _end(self, state: Any, **told: Any) -> None:
        from ..runs import Outcome

        outcome = Outcome(state, progress=self.reporter.stop(), log=self.log.stop(), **told)
        self._write(outcome)

    def _write(self, outcome: Outcome) -> None:
        from ..db import OUTAGE

        failures = 0

        def give_up() -> bool:
            nonlocal failures
            failures += 1
            return self.may_hand_over and failures > 1  # the first may be of a connection that died long ago

        try:
            outcomes.write(self.run_id, self.number, outcome, give_up=give_up)
        except OUTAGE:
            self.untold = outcome


def _line(error: Any) -> str:
    """Return what a traceback's last line says of an error, whatever its own __str__ does."""
    try:
        return "".join(traceback_module.format_exception_only(type(error), error)).strip()
    except Exception:
        return type(error).__name__


def _traceback(info: Any, error: Any) -> str:
    text = getattr(info, "traceback", None)
    if text is None and isinstance(error, BaseException):
        text = "".join(traceback_module.format_exception(error))
    return str(text or "")
