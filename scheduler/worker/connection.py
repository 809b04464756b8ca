"""A broker connection that can always be closed; Celery worker, in its main process."""

from __future__ import annotations

import logging
from typing import Any

from kombu import Connection
from kombu.transport.redis import QoS

from .letting_go import RunsQoS

logger = logging.getLogger(__name__)


class SturdyConnection(Connection):
    """A connection whose channels close whatever happens, so that a worker outlives every loss of its broker.

    Where a channel of the Redis transport can't be closed because Redis has gone, Celery closes its connection a
    second time, without a transport by then; giving messages back then fails with an AttributeError, which ends the
    worker (Celery and kombu 5.7.0: Consumer.on_connection_error_after_connected, Connection.collect).
    """

    def channel(self) -> Any:
        """Return a new channel; a channel to Redis acknowledges the messages of runs at less cost."""
        channel = super().channel()
        if getattr(channel, "QoS", None) is QoS:
            channel.QoS, channel._qos = RunsQoS, None  # the transport may have asked the new channel for one
        return channel

    def maybe_close_channel(self, channel: Any) -> None:
        """Close a channel. The messages of runs that it holds are dropped first, while it has its connection."""
        try:
            if isinstance(qos := getattr(channel, "_qos", None), RunsQoS):
                qos.drop_runs()
            super().maybe_close_channel(channel)
        except Exception as error:
            logger.info("A channel to the broker could not be closed in order: %s", error)
