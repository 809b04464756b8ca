"""The thread of a scheduler that hears what became due at once, and wakes the loop for it; engine, on PostgreSQL."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import reach
from ..db import LONGEST_PAUSE, execute
from ..waking import CHANNEL

logger = logging.getLogger(__name__)

SILENCE = 30.0
"""Seconds without a word, after which the connection has to show that it still stands."""
BREATH = 0.05
"""Seconds from one waking to the next: a thousand edits in a second cost twenty passes, not a thousand."""


class Listener:
    """The thread, with a connection of its own. While it hears nothing, changes wait for the next look of the loop.

    :param wake: called, on the thread, when a job became due
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._stopping = threading.Event()
        self._connection: BaseDatabaseWrapper | None = None
        self._thread = threading.Thread(target=self._loop, name="tickwork-listener", daemon=True)

    def start(self) -> None:
        """Listen, where the database can tell."""
        if connections[DEFAULT_DB_ALIAS].vendor == "postgresql":
            self._thread.start()

    def stop(self) -> None:
        """Have the thread end. Nobody waits for that."""
        self._stopping.set()
        if self._connection is not None:
            reach.cut(self._connection)

    def _loop(self) -> None:
        pause = BREATH
        while not self._stopping.wait(pause):
            self._connection = connections.create_connection(DEFAULT_DB_ALIAS)
            try:
                session = self._listen(self._connection)
                pause = BREATH
                self._hear(session, self._connection)
            except Exception as error:  # the pass tells of an outage, and goes on looking by itself
                logger.debug("Nothing is heard of changes: %s", str(error).strip())
                pause = min(pause * 2, LONGEST_PAUSE)
            with suppress(Exception):  # a broken socket may fail to close as well
                self._connection.close()

    def _listen(self, connection: BaseDatabaseWrapper) -> Any:
        with reach.limited(connection):
            execute(connection, f"LISTEN {CHANNEL}")
        self._wake()  # for what was changed while nobody listened
        return connection.connection

    def _hear(self, session: Any, connection: BaseDatabaseWrapper) -> None:
        while not self._stopping.wait(BREATH):
            if any(True for _ in session.notifies(timeout=SILENCE, stop_after=1)):
                self._wake()
            else:
                with reach.limited(connection):
                    execute(connection, "SELECT 1")
