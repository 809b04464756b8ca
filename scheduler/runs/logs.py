"""The logs of runs, piece by piece: written while a task runs and with its outcome, read by pages and commands.

Each line of a piece is `2026-12-01T09:00:00.123Z INFO     text`: when, how grave (STDOUT and STDERR for what was
printed, NOTE for what Tickwork says itself), and what. A run that has ended gets no further piece.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper

from ..db import execute
from ..models import RunLog, State
from .statements import TABLE, adapter

LOG_TABLE = RunLog._meta.db_table
AT_ONCE = 100
"""Pieces that are read together."""


class Piece(NamedTuple):
    """Some lines of a run's log."""

    number: int
    """Its place, from 1 on; a later piece has a higher one."""
    text: str
    """Whole lines, each ended by a newline."""


def read_log(run_id: uuid.UUID, *, after: int = 0, limit: int = AT_ONCE) -> list[Piece]:
    """Return pieces of a run's log in their order, for whoever follows it; nothing of a run that there is not.

    :param after: the number of the last piece that the reader has
    :param limit: pieces at most
    """
    found = RunLog.objects.filter(run_id=run_id, number__gt=after).order_by("number")
    return [Piece(*row) for row in found.values_list("number", "text")[:limit]]


def whole_log(run_id: str | uuid.UUID) -> Iterator[str]:
    """Return a run's log from its beginning, in parts, a few pieces in memory at a time.

    :raises RunNotFound: if there is no run of this id
    """
    from .people import get  # which imports this module, by way of the endings

    return _parts(get(run_id).id)


def _parts(run_id: uuid.UUID) -> Iterator[str]:
    after = 0
    while pieces := read_log(run_id, after=after):
        yield "".join(piece.text for piece in pieces)
        after = pieces[-1].number


def append(connection: BaseDatabaseWrapper, run_id: str, attempt: int, pieces: Sequence[Piece]) -> None:
    """Write pieces of a running attempt's log. One that is there already is left out, and so is what comes too late."""
    adapt = adapter(connection)
    for piece in pieces:
        execute(
            connection,
            f"INSERT INTO {LOG_TABLE} (run_id, number, text) SELECT id, CAST(%s AS integer), CAST(%s AS text)"
            f" FROM {TABLE} WHERE id = %s AND attempt = %s AND state = %s ON CONFLICT (run_id, number) DO NOTHING",
            [piece.number, piece.text, adapt(run_id), attempt, State.RUNNING],
        )


def log_end(connection: BaseDatabaseWrapper, run_id: str) -> tuple[int, int]:
    """Return the number of the last piece of a run's log, and how many bytes there are up to it."""
    size = "OCTET_LENGTH(text)" if connection.vendor == "postgresql" else "LENGTH(CAST(text AS BLOB))"
    [(number, length)] = execute(
        connection,
        f"SELECT COALESCE(MAX(number), 0), COALESCE(SUM({size}), 0) FROM {LOG_TABLE} WHERE run_id = %s",
        [adapter(connection)(run_id)],
    )
    return number, length
