"""Publishes at once what this process has just asked for, so that nobody waits for the next pass; web, shell, worker.

Whoever asks for many runs on one thread gathers them, and sends them together.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from . import clock, runs
from .db import OUTAGE
from .models import TaskRun
from .publishing import Publisher

logger = logging.getLogger(__name__)

SECONDS = 0.5
LONGEST_PAUSE = 5.0
_lock = threading.Lock()
_publisher: Publisher | None = None
_not_before = 0.0


class _Gathering(threading.local):
    into: list[TaskRun] | None = None


_gathering = _Gathering()


@contextmanager
def gathered() -> Iterator[list[TaskRun]]:
    """Inside, put what this thread would publish into the list instead; whoever asks for that sends it."""
    _gathering.into = []
    try:
        yield _gathering.into
    finally:
        _gathering.into = None


def publish(batch: Sequence[TaskRun]) -> bool:
    """Try once, within half a second, to publish what this process has just committed; else the engine does it.

    Never raises and never blocks longer: a page or shell that asks for a run must not wait for the broker.
    """
    global _not_before
    if _gathering.into is not None:
        _gathering.into += batch
        return False
    if time.monotonic() < _not_before:
        return False
    sent, sent_at = threading.Event(), clock.now()
    thread = threading.Thread(target=_send, args=(list(batch), sent), name="tickwork-publish", daemon=True)
    thread.start()
    if not sent.wait(SECONDS):
        _not_before = time.monotonic() + LONGEST_PAUSE
        logger.info("The broker did not answer at once; the scheduler publishes the run")
        return False
    try:
        runs.mark_queued(batch, at=sent_at)
    except OUTAGE as error:
        logger.info("The run was published but not noted as queued: %s", error)
    return True


def _send(batch: list[TaskRun], sent: threading.Event) -> None:
    global _publisher
    if not _lock.acquire(timeout=SECONDS):
        return
    try:
        if _publisher is None:
            _publisher = Publisher(SECONDS)
        _publisher.send(batch)
        sent.set()
    except Exception as error:
        logger.info("Not published at once: %s", error)
    finally:
        _lock.release()
