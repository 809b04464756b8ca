"""A broker connection that can always be closed; Celery worker, in its main process."""

from __future__ import annotations

import logging
from typing import Any

from kombu import Connection
from kombu.transport.redis import QoS

from .letting_go import RunsQoS
from .outcomes import HEADER

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
        """Close a channel. What it holds and can't give back, the scheduler finds and sends again."""
        try:
            _drop_tracked(channel)
        except Exception as error:
            logger.debug("Messages of runs could not be dropped: %s", error)
        try:
            super().maybe_close_channel(channel)
        except Exception as error:
            logger.info("A channel to the broker could not be closed in order: %s", error)


def _drop_tracked(channel: Any) -> None:
    """Drop the messages of runs that no pool process took: the scheduler sends them again.

    Kombu gives each back in a WATCH transaction on a key that every other worker changes with each message. Under load
    and with a slow broker that begins anew for ever, and a worker that was told to end does not (kombu 5.7.0:
    QoS.restore_by_tag, redis-py: Redis.transaction).
    """
    if getattr(channel, "unacked_key", None) is None:  # not Redis
        return
    for tag, message in list(channel.qos._delivered.items()):
        if HEADER in (message.headers or {}):
            channel.qos.ack(tag)
    if isinstance(channel.qos, RunsQoS):
        channel.qos.let_go()
