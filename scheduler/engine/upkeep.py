"""The thread of a scheduler that does what has time: bulk actions, retention, tallies; engine.

It has a database connection of its own, so whatever it waits for holds up no pass; and while a pass is under way it
takes up nothing new.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

from .. import reach
from ..db import OUTAGE, drop_connection
from ..models import TaskRun
from .bulk import carry_out
from .tidying import Enough, do_chores

logger = logging.getLogger(__name__)

SLICE_SECONDS = 0.1
"""Time after which a slice of work ends."""
BREATH = 0.02
"""Seconds between two slices, in which others get SQLite's write lock."""
PATIENCE = 0.5
"""Seconds that a slice waits for the end of a pass; passes that follow each other without a break get no more."""
LOOK = 2.0
"""Seconds between two looks for work."""
AFTER_ERROR = 30.0


class Upkeep:
    """The thread. It works in slices.

    :param publish: takes runs that have come of its work
    """

    def __init__(self, publish: Callable[[Sequence[TaskRun]], None]) -> None:
        self._publish = publish
        self._stopping = threading.Event()
        self._no_pass = threading.Event()
        self._no_pass.set()
        self._thread = threading.Thread(target=self._loop, name="tickwork-upkeep", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Have it end after what it is at. Nobody waits for that: what it is killed in is undone, and done later."""
        self._stopping.set()

    @contextmanager
    def held_off(self) -> Iterator[None]:
        """Take up nothing new inside: firing comes first."""
        self._no_pass.clear()
        try:
            yield
        finally:
            self._no_pass.set()

    def _loop(self) -> None:
        pause = LOOK
        while not self._stopping.wait(pause):
            idle = self._no_pass.wait(PATIENCE)
            try:
                with reach.limited(connections[DEFAULT_DB_ALIAS]):
                    pause = self._slice(idle)
            except OUTAGE as error:  # the pass tells of the outage
                logger.debug("Upkeep waits: %s", str(error).strip())
                drop_connection()
                pause = LOOK
            except Exception:
                logger.exception("Upkeep failed, and is tried again in %d s", AFTER_ERROR)
                drop_connection()
                pause = AFTER_ERROR
        drop_connection()

    def _slice(self, idle: bool) -> float:
        """Do a slice of what there is to do; return the seconds until the next.

        :param idle: whether no pass is under way; the slice ends when one begins
        """
        more = carry_out(self._enough(idle), self._publish)
        do_chores(self._enough(idle))
        return BREATH if more else LOOK

    def _enough(self, idle: bool) -> Enough:
        until = time.monotonic() + SLICE_SECONDS

        def enough() -> bool:
            passes = idle and not self._no_pass.is_set()
            return passes or time.monotonic() > until or self._stopping.is_set()

        return enough
