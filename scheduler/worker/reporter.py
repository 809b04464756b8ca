"""The one thread that writes what running tasks tell, throttled, on a connection of its own; Celery worker.

It runs in each pool process, from the first time that a task there has something to tell. It writes outside the task's
transactions, and nothing that it meets holds the task up.
"""

from __future__ import annotations

import logging
import os
import threading
from typing import Protocol

from .capture import leave_out_this_thread

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two writes of one attempt's news."""


class Teller(Protocol):
    """Somebody who has something to write now and then."""

    def flush(self) -> bool:
        """Write what is new; return whether to be asked again."""


class Reporter:
    """The thread, and those whom it asks for news."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._watched: list[Teller] = []
        self._wake = threading.Condition()
        threading.Thread(target=self._loop, name="tickwork-reporter", daemon=True).start()

    def watch(self, teller: Teller) -> None:
        """Ask `teller` for news from now on, until it has none."""
        with self._wake:
            self._watched.append(teller)
            self._wake.notify()

    def _loop(self) -> None:
        leave_out_this_thread()
        while True:
            with self._wake:
                while not self._watched:
                    self._wake.wait()
                batch, self._watched = self._watched, []
            going_on = [teller for teller in batch if self._ask(teller)]
            with self._wake:
                self._watched = going_on + self._watched
            threading.Event().wait(INTERVAL)

    def _ask(self, teller: Teller) -> bool:
        try:
            return teller.flush()
        except Exception as error:  # written again soon; the outcome tells of an outage
            from ..db import close_own_connection

            close_own_connection()
            logger.debug("What a task tells can't be written: %s", error)
            return True


_reporter: Reporter | None = None
_lock = threading.Lock()


def reporter() -> Reporter:
    """Return this process's reporter; a forked child gets one of its own."""
    global _reporter
    with _lock:
        if _reporter is None or _reporter.pid != os.getpid():
            _reporter = Reporter()
        return _reporter
