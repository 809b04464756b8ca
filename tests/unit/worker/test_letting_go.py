"""When messages that a worker has begun with are struck out in Redis."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app
from kombu.message import Message

from scheduler.worker import letting_go
from scheduler.worker.connection import SturdyConnection
from scheduler.worker.letting_go import LATEST, RunsQoS
from scheduler.worker.outcomes import HEADER
from tests.faults.proxy import Proxy
from tests.servers import Valkey


class Loop:
    """An event loop whose time passes when the test says so."""

    def __init__(self) -> None:
        self.planned: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, work: Callable[[], None]) -> None:
        self.planned.append((delay, work))

    def pass_time(self) -> None:
        planned, self.planned = self.planned, []
        for _delay, work in planned:
            work()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(letting_go, "get_event_loop", lambda: loop)
    return loop


@pytest.fixture
def line(valkey: Valkey) -> Iterator[Proxy]:
    """The line to the broker, which tests cut."""
    line = Proxy(valkey.port)
    yield line
    line.close()


@pytest.fixture
def channel(valkey: Valkey, line: Proxy) -> Iterator[Any]:
    with valkey.client() as client:
        client.delete("unacked", "unacked_index", "default")
    uri = valkey.url.replace(f":{valkey.port}", f":{line.port}")
    with SturdyConnection(uri, transport_options={"socket_connect_timeout": 1}) as connection:
        yield connection.default_channel
    letting_go._owed.clear()


def taken(channel: Any, count: int = 1, **headers: Any) -> list[Message]:
    """Send messages, and take them as a worker does."""
    queue = current_app.amqp.queues["default"](channel)
    queue.declare()
    with current_app.amqp.Producer(channel) as producer:
        for _ in range(count):
            producer.publish({}, routing_key="default", headers=headers)
    found = [queue.get() for _ in range(count)]
    return [message for message in found if message is not None]


def noted(valkey: Valkey) -> int:
    with valkey.client() as client:
        assert client.hlen("unacked") == client.zcard("unacked_index")
        return int(client.hlen("unacked"))


def test_messages_of_runs_are_struck_out_together_a_moment_later(channel: Any, valkey: Valkey, loop: Loop) -> None:
    messages = taken(channel, 3, **{HEADER: 1})
    for message in messages:
        message.ack()
    assert noted(valkey) == 3 and [delay for delay, _ in loop.planned] == [LATEST]
    loop.pass_time()
    assert noted(valkey) == 0 and loop.planned == []
    for message in taken(channel, 1, **{HEADER: 1}):
        message.ack()
    loop.pass_time()
    assert noted(valkey) == 0


def test_under_load_they_are_struck_out_a_hundred_at_a_time(channel: Any, valkey: Valkey, loop: Loop) -> None:
    messages = taken(channel, 150, **{HEADER: 1})
    for message in messages:
        message.ack()
    assert noted(valkey) == 50 and len(loop.planned) == 1


def test_their_places_in_the_prefetch_window_are_free_at_once(channel: Any, loop: Loop) -> None:
    channel.basic_qos(0, 1, False)
    for message in taken(channel, 1, **{HEADER: 1}):
        assert not channel.qos.can_consume()
        message.ack()
    assert channel.qos.can_consume()


def test_messages_of_other_tasks_are_acknowledged_at_once(channel: Any, valkey: Valkey, loop: Loop) -> None:
    for message in taken(channel):
        message.ack()
    assert noted(valkey) == 0 and loop.planned == []


def test_without_an_event_loop_each_is_acknowledged_at_once(
    channel: Any, valkey: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letting_go, "get_event_loop", lambda: None)
    for message in taken(channel, 1, **{HEADER: 1}):
        message.ack()
    assert noted(valkey) == 0


def test_what_redis_can_not_be_told_is_struck_out_by_the_next_channel(
    channel: Any, valkey: Valkey, line: Proxy, loop: Loop
) -> None:
    messages = taken(channel, 2, **{HEADER: 1})
    line.set("refuse")
    for message in messages:
        message.ack()
    loop.pass_time()
    assert channel.qos.can_consume() and noted(valkey) == 2
    line.set("pass")
    with SturdyConnection(channel.connection.client.as_uri()) as again:
        assert again.default_channel.qos.can_consume() and len(loop.planned) == 1
        loop.pass_time()
        assert noted(valkey) == 0


@pytest.mark.parametrize("has_loop", [True, False])
def test_what_a_broken_channel_held_is_struck_out_by_the_next_one(
    channel: Any, valkey: Valkey, line: Proxy, loop: Loop, monkeypatch: pytest.MonkeyPatch, has_loop: bool
) -> None:
    if not has_loop:
        monkeypatch.setattr(letting_go, "get_event_loop", lambda: None)
    uri = channel.connection.client.as_uri()
    taken(channel, 3, **{HEADER: 1})
    line.set("refuse")
    channel.connection.client.maybe_close_channel(channel)
    assert noted(valkey) == 3
    line.set("pass")
    with SturdyConnection(uri) as again:
        assert again.default_channel.qos.can_consume()
        loop.pass_time()
        assert noted(valkey) == 0


@pytest.mark.parametrize(("headers", "left"), [({HEADER: 1}, 0), ({}, 1)])
def test_a_message_whose_note_is_not_answered_for_is_struck_out_if_it_is_a_runs(
    channel: Any, valkey: Valkey, line: Proxy, loop: Loop, headers: dict[str, Any], left: int
) -> None:
    """The worker never sees it, for its connection broke; that of another task is handed out again by kombu."""
    line.trap(b"unacked_index", after=True)
    with pytest.raises(channel.connection_errors):
        taken(channel, 1, **headers)
    assert noted(valkey) == 1
    with SturdyConnection(channel.connection.client.as_uri()) as again:
        assert again.default_channel.qos.can_consume()
        loop.pass_time()
        assert noted(valkey) == left


@pytest.mark.parametrize("directly", [True, False])
def test_a_closed_channel_gives_back_the_messages_of_others(
    channel: Any, valkey: Valkey, loop: Loop, directly: bool
) -> None:
    taken(channel, 1, **{HEADER: 1})
    taken(channel, 2)
    if directly:
        channel.close()
    else:
        channel.connection.client.maybe_close_channel(channel)
    assert noted(valkey) == 0
    with valkey.client() as client:
        assert client.llen("default") == 2


def test_a_channel_that_is_closed_leaves_no_message_of_a_run_noted(channel: Any, valkey: Valkey, loop: Loop) -> None:
    first, *_others = taken(channel, 3, **{HEADER: 1})
    first.ack()
    assert isinstance(channel.qos, RunsQoS)
    channel.connection.client.maybe_close_channel(channel)
    assert noted(valkey) == 0
    with valkey.client() as client:
        assert client.llen("default") == 0
