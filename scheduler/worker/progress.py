"""Carries progress from a task's body to the database, throttled, on one thread per pool process; Celery worker."""

from __future__ import annotations

import json
import logging
import os
import threading
from typing import Any

logger = logging.getLogger(__name__)

INTERVAL = 0.5
"""Seconds between two writes of one run's progress."""
TEXT_CHARS = 500


class ProgressReporter:
    """The latest progress of one attempt. `note` costs the task no database call."""

    def __init__(self, run_id: str, attempt: int) -> None:
        self.run_id, self.attempt = run_id, attempt
        self.cancelled = False
        self._latest: tuple[Any, Any, str] | None = None
        self._written: tuple[Any, Any, str] | None = None
        self._started = False
        self._stopped = False

    def note(self, current: float, total: float | None, text: str) -> None:
        """Remember how far the task is; a thread writes it soon."""
        self._latest = (current, total, str(text)[:TEXT_CHARS])
        if not self._started:
            self._started = True
            _thread().watch(self)

    def stop(self) -> str | None:
        """Stop writing; return the last progress as JSON, for the outcome to carry."""
        self._stopped = True
        return self._as_json() if self._started else None

    def flush(self) -> bool:
        """Write what is new (and learn of a cancellation); return whether the attempt goes on."""
        if self._stopped:
            return False
        from .. import reach, runs
        from ..db import own_connection

        latest, connection = self._latest, own_connection()
        text = None if latest == self._written else self._as_json()
        with reach.limited(connection):
            self.cancelled = runs.report_progress(connection, self.run_id, self.attempt, text)
        self._written = latest
        return True

    def _as_json(self) -> str:
        from ..texts import to_json

        current, total, text = self._latest or (0, None, "")
        value = {"current": _number(current), "total": _number(total), "text": text}
        return to_json(value, 10_000)


def _number(value: Any) -> float | int | None:
    if value is None or isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return None
    return value


class _Thread:
    """The one writing thread of this process, with a database connection of its own."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._watched: list[ProgressReporter] = []
        self._wake = threading.Condition()
        threading.Thread(target=self._loop, name="tickwork-progress", daemon=True).start()

    def watch(self, reporter: ProgressReporter) -> None:
        with self._wake:
            self._watched.append(reporter)
            self._wake.notify()

    def _loop(self) -> None:
        while True:
            with self._wake:
                while not self._watched:
                    self._wake.wait()
                batch = list(self._watched)
            ended = []
            for reporter in batch:
                try:
                    if not reporter.flush():
                        ended.append(reporter)
                except Exception as error:  # written again soon; the outcome tells of an outage
                    from ..db import close_own_connection

                    close_own_connection()
                    logger.debug("Progress can't be written: %s", error)
            with self._wake:
                self._watched = [reporter for reporter in self._watched if reporter not in ended]
            threading.Event().wait(INTERVAL)


_the_thread: _Thread | None = None
_lock = threading.Lock()


def _thread() -> _Thread:
    global _the_thread
    with _lock:
        if _the_thread is None or _the_thread.pid != os.getpid():
            _the_thread = _Thread()
        return _the_thread
