"""Strikes out in Redis, many at a time, the messages of runs that a worker has begun with or dropped; Celery worker.

kombu notes each message that a worker takes in Redis, and strikes it out when a pool process begins with it: a trip for
each. What is not struck out in time is handed out again after the visibility timeout. For a run that has begun nothing
depends on that, for its claim drops what is handed out again. One that was dropped would wait for so long.
"""

from __future__ import annotations

import logging
import threading
from typing import Any

from kombu.asynchronous import get_event_loop
from kombu.transport import virtual
from kombu.transport.redis import QoS

from .outcomes import HEADER

logger = logging.getLogger(__name__)

MOST = 100
LATEST = 0.2
"""Seconds after which messages are struck out, should they be fewer."""

_owed: list[str] = []
"""Tags of messages that this process no longer holds, of which it could not tell Redis: the connection was broken.

Nobody else tells of them while this worker lives: for the schedulers, what a living worker has taken is in good hands.
"""


class RunsQoS(QoS):
    """What a channel holds of messages. Those of other tasks are acknowledged and given back as kombu does it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        """Begin with what an earlier channel of this process owes."""
        super().__init__(*args, **options)
        self._begun: list[str] = []
        self._is_due = False
        if _owed:
            self._let_go_soon(_loop())

    def append(self, message: Any, delivery_tag: str) -> None:
        """Note a message in Redis. Where the answer is lost, Redis may hold it as taken, and nobody has it."""
        try:
            super().append(message, delivery_tag)
        except Exception:
            if _is_a_runs(message):
                _owed.append(delivery_tag)
            raise

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message: if it is a run's, in Redis with others."""
        message, loop = self._delivered.get(delivery_tag), _loop()
        if loop is None or message is None or not _is_a_runs(message):
            super().ack(delivery_tag)
            return
        virtual.QoS.ack(self, delivery_tag)
        self._begun.append(delivery_tag)
        if len(self._begun) >= MOST:
            self.let_go()
        else:
            self._let_go_soon(loop)

    def restore_unacked(self, client: Any = None) -> None:
        """Give back what no pool process has begun with, but for the messages of runs, which are dropped."""
        self.drop_runs()
        super().restore_unacked(client)

    def drop_runs(self) -> None:
        """Drop the messages of runs that no pool process took: the scheduler sends them again.

        Kombu gives each back in a WATCH transaction on a key that every other worker changes with each message. Under
        load and with a slow broker that begins anew for ever, and a worker that was told to end does not (kombu 5.7.0:
        QoS.restore_by_tag, redis-py: Redis.transaction).
        """
        for tag, message in list(self._delivered.items()):
            if _is_a_runs(message):
                virtual.QoS.ack(self, tag)
                self._begun.append(tag)
        self._flush()
        self.let_go()

    def let_go(self) -> None:
        """Strike out what has been acknowledged since the last time, and what is owed."""
        begun, self._begun = [*_owed, *self._begun], []
        _owed.clear()
        if not begun:
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *begun).hdel(self.unacked_key, *begun).execute()
        except Exception as error:
            _owed.extend(begun)
            logger.info("%d messages of runs are struck out once the broker can be reached: %s", len(begun), error)

    def _let_go_soon(self, loop: Any) -> None:
        if loop is None:
            self.let_go()
        elif not self._is_due:
            self._is_due = True
            loop.call_later(LATEST, self._let_go_in_time)

    def _let_go_in_time(self) -> None:
        self._is_due = False
        self.let_go()


def _loop() -> Any:
    """Return the event loop that calls back, if this is its thread."""
    return get_event_loop() if threading.current_thread() is threading.main_thread() else None


def _is_a_runs(message: Any) -> bool:
    return HEADER in (message.headers or {})
