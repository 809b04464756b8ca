"""The thread that publishes, so that a slow broker never holds up a pass; engine."""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

from django.db import DEFAULT_DB_ALIAS, connections
from kombu.exceptions import OperationalError

from .. import clock, conf, reach, runs
from ..db import OUTAGE, drop_connection
from ..models import TaskRun
from ..publishing import Publisher, broker_address, publish

logger = logging.getLogger(__name__)

LONGEST_PAUSE = 3.0
MOST_WAITING = 16
"""Batches that may wait in memory; what is beyond stays pending in the database, where it is safe and cheap."""
PATIENCE = 0.5
"""Seconds that a pass waits for room in line."""


@dataclass(frozen=True)
class _Batch:
    """Runs that were written or taken just now, so that nobody else sends them until their lease ends."""

    runs: list[TaskRun]
    ends_at: float
    """When the lease ends (monotonic)."""

    @property
    def is_due_again(self) -> bool:
        return time.monotonic() >= self.ends_at


class Outbox:
    """Publishes batches of committed runs, and backs off while the broker is away. The rows are the real queue.

    A batch that has stood in line until the end of its lease is dropped: its runs are due again, and whoever takes them
    next sends them. Were it sent as well, a slow broker would get every message many times over, and grow slower still.
    """

    def __init__(self, wake: Callable[[], object] = lambda: None) -> None:
        """Make an outbox; it works from `start` to `stop`.

        :param wake: called after runs that were left have been taken, for it may be time for the next ones soon
        """
        self._batches: queue.Queue[_Batch | Callable[[], object] | None] = queue.Queue(MOST_WAITING)
        self._wake = wake
        self._asking = self._is_to_take = False
        self._publisher = Publisher(conf.get("BROKER_TIMEOUT"))
        self._not_before = 0.0
        self._pause = 0.2
        self._away_since: float | None = None
        self._thread = threading.Thread(target=self._loop, name="tickwork-outbox", daemon=True)

    def start(self) -> None:
        self._thread.start()

    @property
    def away_since(self) -> float | None:
        """When the broker went out of reach (monotonic), or None."""
        return self._away_since

    def put(self, batch: Sequence[TaskRun]) -> None:
        """Publish a batch, whose lease has just begun, soon.

        While the broker is away or far behind, it is left to the database.
        """
        if not batch or time.monotonic() < self._not_before:
            return
        ends_at = time.monotonic() + conf.get("REPUBLISH_AFTER")
        try:
            self._batches.put(_Batch(list(batch), ends_at), timeout=PATIENCE)
        except queue.Full:
            logger.info("The broker is slow; %d runs stay pending for a while", len(batch))

    def take_left(self) -> None:
        """Publish runs that were left in the database, whose retry is due, or whose turn in line has come.

        They are taken when this thread gets to it, so that their lease has just begun.
        """
        if self._is_to_take or time.monotonic() < self._not_before:
            return
        self._is_to_take = True
        try:
            self._batches.put_nowait(self._take_left)
        except queue.Full:
            self._is_to_take = False

    def ask(self, work: Callable[[], object]) -> None:
        """Do `work`, which asks the broker, on this thread, for a broker that is silent must hold up no pass.

        Nothing is done while the broker is away, or while what was asked last time has not been done.
        """
        if self._away_since is not None or self._asking:
            return
        self._asking = True
        try:
            self._batches.put_nowait(partial(self._ask, work))
        except queue.Full:
            self._asking = False

    def stop(self, timeout: float) -> None:
        """Publish what is in line, for `timeout` seconds at most; the rest is pending and goes out later."""
        deadline = time.monotonic() + timeout
        try:
            self._batches.put(None, timeout=timeout)
        except queue.Full:
            return
        self._thread.join(deadline - time.monotonic())

    def _loop(self) -> None:
        self._warm_up()
        while (next_in_line := self._batches.get()) is not None:
            if callable(next_in_line):
                next_in_line()
            elif not next_in_line.is_due_again and time.monotonic() >= self._not_before:
                self._publish(next_in_line.runs)
        self._publisher.close()
        drop_connection()

    def _publish(self, batch: list[TaskRun]) -> None:
        try:
            publish(self._publisher, batch)
            self._came_back()
        except OUTAGE as error:  # the pass tells of the outage; after REPUBLISH_AFTER the runs go out again
            logger.debug("Published, but not noted as queued: %s", str(error).strip())
            drop_connection()
        except OperationalError as error:
            self._went_away(error)
        except Exception as error:
            logger.exception("Publishing failed")
            self._went_away(error)

    def _take_left(self) -> None:
        self._is_to_take = False
        if time.monotonic() < self._not_before:
            return
        limit = conf.get("BATCH_SIZE")
        left = self._taken(limit)
        if not left:
            return
        self._publish(left)
        if len(left) == limit:
            self.take_left()  # after what has come into line meanwhile: a deep backlog holds up no new firing
        self._wake()

    def _taken(self, limit: int) -> list[TaskRun]:
        try:
            with reach.limited(connections[DEFAULT_DB_ALIAS]):
                return runs.take_unpublished(clock.now(), limit)
        except OUTAGE as error:  # the pass tells of the outage
            logger.debug("Nothing was taken: %s", str(error).strip())
        except Exception:
            logger.exception("Runs that were left can't be taken")
        drop_connection()
        return []

    def _warm_up(self) -> None:
        with suppress(Exception):  # the first batch tells of it
            self._publisher.warm_up()

    def _ask(self, work: Callable[[], object]) -> None:
        try:
            with reach.limited(connections[DEFAULT_DB_ALIAS]):
                work()
        except OUTAGE as error:
            logger.debug("The broker was not asked: %s", str(error).strip())
            drop_connection()
        except Exception:
            logger.exception("The broker could not be asked")
            drop_connection()
        finally:
            self._asking = False

    def _went_away(self, error: Exception) -> None:
        if self._away_since is None:
            self._away_since = time.monotonic()
            logger.warning("Broker out of reach, runs stay pending until it is back: %s: %s", broker_address(), error)
        self._not_before = time.monotonic() + self._pause
        self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _came_back(self) -> None:
        if self._away_since is not None:
            logger.warning("Broker back after %.1f s", time.monotonic() - self._away_since)
        self._away_since, self._pause = None, 0.2
