"""Asks Redis which messages it still holds, to tell lost ones from waiting ones, and how many there are; engine.

Other brokers keep what they have acknowledged, and are not asked.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Count, Max, Q, QuerySet

from .. import conf
from ..models import ServiceProcess, TaskRun
from ..publishing import broker_connection, queue_name

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


def depths(names: Iterable[str]) -> dict[str, int] | None:
    """Return how many messages each queue holds; None for a broker that is not asked.

    :raises Exception: whatever the broker's driver raises where it is out of reach
    """
    with _redis() as redis:
        if redis is None:
            return None
        channel, client = redis
        return {name: sum(client.llen(key) for key in _keys(channel, name)) for name in names}


def _keys(channel: Any, name: str) -> list[str]:
    """Return the lists in which Redis keeps a queue, one for each priority."""
    return [channel._q_for_pri(name, priority) for priority in channel.priority_steps]


def find_lost(queued: QuerySet[TaskRun]) -> list[uuid.UUID]:
    """Return the runs of `queued` whose messages the broker no longer holds.

    With its sentinel gone, it has forgotten everything. Else the messages are counted, and the front of each queue is
    looked at; all are looked through only where these tell of a loss, so a deep backlog costs little.
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
    queues: dict[str, _Queue] = {}
    for row in queued.values("queue", "task").annotate(count=Count("id")):
        name = queue_name(row["queue"], row["task"])
        queue = queues.setdefault(name, _Queue(_keys(channel, name)))
        queue.count += row["count"]
        queue.runs |= Q(queue=row["queue"], task=row["task"])
    keys = [key for queue in queues.values() for key in queue.keys]
    taken = set(_taken(channel, client))
    enough = sum(client.llen(key) for key in keys) + len(taken) >= sum(queue.count for queue in queues.values())
    if enough and all(_front_is_there(client, queue, queued, taken) for queue in queues.values()):
        return []
    present = taken.union(_ids(client, keys))
    return [run_id for run_id in queued.values_list("id", flat=True) if str(run_id) not in present]


@dataclass
class _Queue:
    """One queue's lists in Redis, and what tells its runs from those of other queues."""

    keys: list[str]
    count: int = 0
    runs: Q = field(default_factory=lambda: Q(pk__in=[]))


def _front_is_there(client: Any, queue: _Queue, queued: QuerySet[TaskRun], taken: set[str]) -> bool:
    """Return whether the runs that were queued first are among the messages that are taken next.

    Counting alone overlooks lost messages for as long as others (of runs queued a moment ago, replayed ones, of tasks
    that no job sent) make up for them. Those at the front are overdue; the rest gets there.
    """
    first = queued.filter(queue.runs).order_by("queued_at").values_list("id", flat=True)[:CHUNK]
    front = {run_id for key in queue.keys for raw in client.lrange(key, -2 * CHUNK, -1) for run_id in _id_of(raw)}
    return all(str(run_id) in front or str(run_id) in taken for run_id in first)


def _taken(channel: Any, client: Any) -> Iterator[str]:
    """Yield the ids of messages that workers have taken and not begun with.

    Those taken before a worker died may have been its own. kombu gives them back after the visibility timeout, an
    hour; sent again, they are the better for it, or dropped as duplicates.
    """
    died_at = ServiceProcess.objects.filter(kind=ServiceProcess.Kind.WORKER).aggregate(at=Max("stopped_at"))["at"]
    since = died_at.timestamp() if died_at else 0
    tags = client.zrangebyscore(channel.unacked_index_key, since, "+inf")
    for start in range(0, len(tags), CHUNK):
        for raw in client.hmget(channel.unacked_key, tags[start : start + CHUNK]):
            yield from _id_of(raw)


def _ids(client: Any, keys: list[str]) -> Iterator[str]:
    for key in keys:
        start = 0
        while chunk := client.lrange(key, start, start + CHUNK - 1):
            start += CHUNK
            for raw in chunk:
                yield from _id_of(raw)


def _id_of(raw: Any) -> Iterator[str]:
    try:
        message = json.loads(raw)
        if isinstance(message, list):  # the unacked hash keeps [message, exchange, routing key]
            message = message[0]
        yield str(message["headers"]["id"])
    except (ValueError, TypeError, LookupError):
        return
