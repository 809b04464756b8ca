"""Strikes out runs' messages in Redis, many at a time, once a pool process has begun with them; Celery worker.

kombu notes each message that a worker takes in Redis, and strikes it out when a pool process begins with it: a trip for
each. What is not struck out in time is handed out again after the visibility timeout. For a run nothing depends on
that, for its claim drops what is handed out again.
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


class RunsQoS(QoS):
    """What a channel holds of messages. Those of other tasks are acknowledged as kombu does it."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._begun: list[str] = []
        self._is_due = False

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message: if it is a run's, in Redis with others."""
        message = self._delivered.get(delivery_tag)
        loop = get_event_loop() if threading.current_thread() is threading.main_thread() else None
        if loop is None or message is None or HEADER not in (message.headers or {}):
            super().ack(delivery_tag)
            return
        virtual.QoS.ack(self, delivery_tag)
        self._begun.append(delivery_tag)
        if len(self._begun) >= MOST:
            self.let_go()
        elif not self._is_due:
            self._is_due = True
            loop.call_later(LATEST, self._let_go_in_time)

    def _let_go_in_time(self) -> None:
        self._is_due = False
        self.let_go()

    def let_go(self) -> None:
        """Strike out what has been acknowledged since the last time."""
        begun, self._begun = self._begun, []
        if not begun:
            return
        try:
            with self.pipe_or_acquire() as pipe:
                pipe.zrem(self.unacked_index_key, *begun).hdel(self.unacked_key, *begun).execute()
        except Exception as error:
            logger.info("%d messages of runs that have begun are left to the visibility timeout: %s", len(begun), error)
