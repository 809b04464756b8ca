"""Asks Redis which messages it still holds, to tell lost ones from waiting ones; engine.

Other brokers keep what they have acknowledged, and are not asked.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.db.models import Count, QuerySet

from .. import conf
from ..models import TaskRun
from ..publishing import broker_connection

logger = logging.getLogger(__name__)

SENTINEL = "tickwork:sentinel"
"""A key that is gone when Redis was flushed or restarted empty."""
CHUNK = 1_000


@contextmanager
def _redis() -> Iterator[tuple[Any, Any] | None]:
    with broker_connection(conf.get("BROKER_TIMEOUT")) as connection:
        if connection.transport.driver_type != "redis":
            yield None
            return
        channel = connection.default_channel
        with channel.conn_or_acquire() as client:
            yield channel, client


def remember() -> None:
    """Leave the sentinel in the broker."""
    try:
        with _redis() as redis:
            if redis is not None:
                redis[1].set(SENTINEL, "1", nx=True)
    except Exception as error:
        logger.info("The broker can't be asked: %s", error)


def find_lost(queued: QuerySet[TaskRun]) -> list[uuid.UUID]:
    """Return the runs of `queued` whose messages the broker no longer holds.

    With its sentinel gone, it has forgotten everything. Else the messages are counted, and looked through one by one
    only where a queue holds fewer than it should: a deep backlog costs nothing.
    """
    try:
        with _redis() as redis:
            if redis is None:
                return []
            channel, client = redis
            if client.set(SENTINEL, "1", nx=True):
                return list(queued.values_list("id", flat=True))
            return _missing(channel, client, queued)
    except Exception as error:
        logger.info("The broker can't be asked: %s", error)
        return []


def _missing(channel: Any, client: Any, queued: QuerySet[TaskRun]) -> list[uuid.UUID]:
    wanted = list(queued.values("queue", "task").annotate(count=Count("id")))
    queues = {_queue_name(row["queue"], row["task"]) for row in wanted}
    keys = [channel._q_for_pri(queue, priority) for queue in queues for priority in channel.priority_steps]
    held = sum(client.llen(key) for key in keys) + client.hlen(channel.unacked_key)
    if held >= sum(row["count"] for row in wanted):
        return []
    present = set(_ids(client, keys, channel.unacked_key))
    return [run_id for run_id in queued.values_list("id", flat=True) if str(run_id) not in present]


def _queue_name(queue: str, task: str) -> str:
    if queue:
        return queue
    route = current_app.amqp.router.route({}, task)
    return str(getattr(route.get("queue"), "name", None) or current_app.conf.task_default_queue)


def _ids(client: Any, keys: list[str], unacked_key: str) -> Iterator[str]:
    for key in keys:
        start = 0
        while chunk := client.lrange(key, start, start + CHUNK - 1):
            start += CHUNK
            for raw in chunk:
                yield from _id_of(raw)
    for _, raw in client.hscan_iter(unacked_key, count=CHUNK):
        yield from _id_of(raw)


def _id_of(raw: Any) -> Iterator[str]:
    try:
        message = json.loads(raw)
        if isinstance(message, list):  # the unacked hash keeps [message, exchange, routing key]
            message = message[0]
        yield str(message["headers"]["id"])
    except (ValueError, TypeError, LookupError):
        return
