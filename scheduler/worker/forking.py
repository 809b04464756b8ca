"""Keeps pool processes from being forked while the main process is inside SQLite; Celery worker, in its main process.

SQLite notes the locks that it holds in the memory of the process. A child that is forked meanwhile inherits the notes,
in which nobody will ever release them: its first write, a claim, would wait for ever, and with it a slot of the worker
(https://sqlite.org/howtocorrupt.html, "Carrying an open database file across a fork").
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_inside = threading.RLock()


@contextmanager
def held_off() -> Iterator[None]:
    """Let no process be forked inside, and leave no connection open. Does nothing where the database is no file."""
    from django.db import DEFAULT_DB_ALIAS, connections

    from ..db import close_own_connection, drop_connection

    if connections[DEFAULT_DB_ALIAS].vendor != "sqlite":
        yield
        return
    with _inside:
        try:
            yield
        finally:
            close_own_connection()
            drop_connection()


os.register_at_fork(before=_inside.acquire, after_in_parent=_inside.release, after_in_child=_inside.release)
