"""A broker connection that can always be closed; Celery worker, in its main process."""

from __future__ import annotations

import logging
from typing import Any

from kombu import Connection

logger = logging.getLogger(__name__)


class SturdyConnection(Connection):
    """A connection whose channels close whatever happens, so that a worker outlives every loss of its broker.

    Where a channel of the Redis transport can't be closed because Redis has gone, Celery closes its connection a
    second time, without a transport by then; giving messages back then fails with an AttributeError, which ends the
    worker (Celery and kombu 5.7.0: Consumer.on_connection_error_after_connected, Connection.collect).
    """

    def maybe_close_channel(self, channel: Any) -> None:
        """Close a channel. What it holds and can't give back, the scheduler finds and sends again."""
        try:
            super().maybe_close_channel(channel)
        except Exception as error:
            logger.info("A channel to the broker could not be closed in order: %s", error)
