"""Hands on what a task's body logs and prints, besides where it goes anyway; Celery worker, in each pool process.

Python's Logger is wrapped at its two doors, for no handler could do it: loggers may not propagate to the root, and what
is below the worker's own level would never come to one. Standard output and error are wrapped above whatever Celery
has put there.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol

from billiard import current_process
from celery.exceptions import SoftTimeLimitExceeded

logger = logging.getLogger(__name__)

LEAST = logging.INFO
"""What is captured whatever the worker's own level; below it, what the worker's own level lets through."""
CELERYS_OWN = "celery.app.trace"
"""Tells in the worker's log how a task ended, which its run tells in full."""


class Sink(Protocol):
    """Takes what is captured."""

    def add_record(self, record: logging.LogRecord) -> None:
        """Take what was logged."""

    def add_print(self, stream: str, text: str) -> None:
        """Take what was written to STDOUT or STDERR: lines, or a part of one."""


_current: ContextVar[Sink | None] = ContextVar("tickwork_capture")
_only: Sink | None = None
"""The sink of all threads, where this process runs one task at a time."""


def _sink() -> Sink | None:
    return _current.get(_only)


@contextmanager
def capturing(sink: Sink) -> Iterator[None]:
    """Capture what the block logs and prints.

    In a process of a prefork pool that goes for all its threads; in other pools, where tasks run side by side, for the
    thread that is in the block and for what it awaits or sends through `asyncio.to_thread`.
    """
    global _only
    _install()
    token = _current.set(sink)
    _only = sink if current_process().daemon else None
    try:
        yield
    finally:
        _only = None
        _current.reset(token)


def leave_out_this_thread() -> None:
    """Capture nothing of what this thread does."""
    _current.set(None)


def _forget() -> None:
    """A process that the body forks has no reporter for its lines, and the numbers of its parent's pieces."""
    global _only
    _only = None
    _current.set(None)


os.register_at_fork(after_in_child=_forget)


def _install() -> None:
    """Take the two doors, once, and the streams, which others may have put back."""
    global _enabled_before, _called_before
    if _called_before is None:  # not at import: others may wrap the doors as well
        _enabled_before, _called_before = logging.Logger.isEnabledFor, logging.Logger.callHandlers
        logging.Logger.isEnabledFor = _is_enabled_for  # type: ignore[method-assign]
        logging.Logger.callHandlers = _call_handlers  # type: ignore[method-assign]
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is not None and not isinstance(stream, _Tee):
            setattr(sys, name, _Tee(stream, name.upper()))


_enabled_before: Any = None
_called_before: Any = None


def _is_enabled_for(self: logging.Logger, level: int) -> bool:
    return _enabled_before(self, level) or (
        level >= LEAST and not self.disabled and self.manager.disable < level and _sink() is not None
    )


def _call_handlers(self: logging.Logger, record: logging.LogRecord) -> None:
    sink = _sink()
    if sink is None:
        _called_before(self, record)
        return
    with _nothing_captured():
        if _enabled_before(self, record.levelno):
            _called_before(self, record)
    if record.name != CELERYS_OWN:
        _hand_on(sink.add_record, record)


class _Tee:
    """A stream that hands on what is written to it."""

    def __init__(self, under: Any, name: str) -> None:
        self._under, self._name = under, name

    def write(self, text: str) -> Any:
        sink = _sink()
        if sink is None:
            return self._under.write(text)
        with _nothing_captured():
            written = self._under.write(text)
        _hand_on(sink.add_print, self._name, text)
        return written

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._under, name)


@contextmanager
def _nothing_captured() -> Iterator[None]:
    """Inside, logged lines may be printed and printed ones logged: each is captured once, outside."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def _hand_on(add: Callable[..., None], *what: Any) -> None:
    """Hand a line on. Nothing that goes wrong with that is the task's fault."""
    with _nothing_captured():
        try:
            add(*what)
        except SoftTimeLimitExceeded:  # the task's own, which happened to come in here
            raise
        except Exception:
            logger.debug("A line of a task could not be captured", exc_info=True)
