"""The log of one attempt on its way from the task's body to the database; Celery worker, in each pool process.

Lines wait in memory. The reporter writes them twice a second while the task runs, and the rest goes with the outcome.
The log is best effort: what can't be written must not fail a task or hold it up.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from celery.exceptions import SoftTimeLimitExceeded

from .reporter import INTERVAL, reporter

if TYPE_CHECKING:
    from ..runs.logs import Piece

LINE_CHARS = 10_000
"""What is kept of one line."""
LEVEL_CHARS = 20
PIECE_CHARS = 50_000
"""Characters after which a piece takes no further line."""
NOTE = "NOTE"
_traceback_of = logging.Formatter().formatException


class AttemptLog:
    """What an attempt has logged and printed. Costs nothing as long as it is silent.

    :param conceal: masks secrets in a text
    :param number: of the last piece that earlier attempts have left
    :param size: bytes that they have left
    """

    def __init__(
        self, run_id: str, attempt: int, conceal: Callable[[str], str], number: int = 0, size: int = 0
    ) -> None:
        self.run_id, self.attempt, self._conceal = run_id, attempt, conceal
        self._number, self._size = number, size
        self._most: int | None = None
        self._lines: list[str] = []
        self._first_line_at = 0.0
        self._unended: dict[str, str] = {}
        self._pieces: list[Piece] = []
        self._lock = threading.RLock()  # a signal's handler may log in the midst of it
        self._full = self._stopped = self._watched = False

    def add_record(self, record: logging.LogRecord) -> None:
        """Take what was logged."""
        if not self._full:
            self._add(
                record.levelname, record.created, self._conceal(f"{record.name}: {_text_of(record)}").rstrip("\n")
            )

    def add_print(self, stream: str, text: str) -> None:
        """Take what was printed; a line that has not ended waits for its end."""
        if self._full:
            return
        with self._lock:
            lines, end, rest = self._conceal(self._unended.pop(stream, "") + text).rpartition("\n")
            if end:
                self._add(stream, time.time(), lines)
            if rest:
                self._unended[stream] = _overwritten(rest)[: LINE_CHARS + 1] + ("\r" if rest.endswith("\r") else "")

    def _add(self, level: str, at: float, text: str) -> None:
        from ..texts import TERMINAL_SEQUENCE, clean

        with self._lock:
            if self._stopped:
                return
            if self._most is None:
                self._begin()
            level = clean(level, LEVEL_CHARS)
            for line in _lines_of(text):
                if self._full:
                    break
                self._put(level, at, clean(TERMINAL_SEQUENCE.sub("", _overwritten(line)), LINE_CHARS))

    def _begin(self) -> None:
        from .. import conf

        self._most = int(conf.get("MAX_LOG_BYTES"))
        self._full = self._size >= self._most
        if self.attempt > 1 and not self._full:
            self._put(NOTE, time.time(), f"Attempt {self.attempt} begins.")

    def _put(self, level: str, at: float, text: str) -> None:
        line = f"{_instant(at)} {level:<8} {text}\n"
        size = len(line.encode())
        assert self._most is not None
        if self._size + size > self._most:
            self._full = True
            line = f"{_instant(at)} {NOTE:<8} The log is cut here: it has reached MAX_LOG_BYTES ({self._most}).\n"
        if not self._lines:
            self._first_line_at = time.monotonic()
        self._lines.append(line)
        self._size += size
        if not self._watched:
            self._watched = True
            reporter().watch(self)

    def flush(self) -> bool:
        """Write what is new; return whether there is more to come."""
        with self._lock:
            if self._stopped:
                return False
            if self._lines and time.monotonic() - self._first_line_at < INTERVAL / 2:
                return True  # the log of a short task goes with its outcome
            pieces = self._cut()
            self._watched = bool(pieces)
        if pieces:
            self._write(pieces)
        return bool(pieces)

    def _write(self, pieces: list[Piece]) -> None:
        from .. import reach
        from ..db import own_connection
        from ..runs import logs

        connection = own_connection()
        with reach.limited(connection):
            logs.append(connection, self.run_id, self.attempt, pieces)
        with self._lock:
            self._pieces = [piece for piece in self._pieces if piece not in pieces]

    def stop(self) -> tuple[Piece, ...]:
        """Take no further line; return what may not be written yet, for the outcome to carry."""
        with self._lock:
            for stream, text in self._unended.items():
                self._add(stream, time.time(), text)
            self._unended.clear()
            self._stopped = True
            return tuple(self._cut())

    def _cut(self) -> list[Piece]:
        """Return the pieces that may not be written yet, with what has come since. A piece never changes."""
        from ..runs.logs import Piece

        while self._lines:
            taken = length = 0
            while taken < len(self._lines) and length < PIECE_CHARS:
                length += len(self._lines[taken])
                taken += 1
            self._number += 1
            self._pieces.append(Piece(self._number, "".join(self._lines[:taken])))
            del self._lines[:taken]
        return list(self._pieces)


def _lines_of(text: str) -> Iterator[str]:
    """Yield the beginnings of a text's lines, one by one: it may be of any size."""
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start : min(end, start + LINE_CHARS + 1)]
        start = end + 1


def _overwritten(line: str) -> str:
    """Return what a terminal shows of a line in the end: a progress bar writes itself anew after each "\\r"."""
    return line.rstrip("\r").rpartition("\r")[2]


def _instant(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _text_of(record: logging.LogRecord) -> str:
    """Return a record's message with its traceback, whatever is wrong with it. (A Formatter would leave its traces.)"""
    try:
        text = record.getMessage()
    except SoftTimeLimitExceeded:
        raise
    except Exception as error:
        text = f"(a message that can't be put together: {type(error).__name__})"
    told = _traceback_of(record.exc_info) if record.exc_info else record.exc_text
    return "\n".join(part for part in (text, told, record.stack_info) if part)
