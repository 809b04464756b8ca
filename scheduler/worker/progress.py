"""Carries progress from a task's body to the database, by way of the reporter; Celery worker, in each pool process."""

from __future__ import annotations

import json
from typing import Any

from .reporter import reporter

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
        """Remember how far the task is; the reporter writes it soon."""
        self._latest = (current, total, str(text)[:TEXT_CHARS])
        if not self._started:
            self._started = True
            reporter().watch(self)

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
