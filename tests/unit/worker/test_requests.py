"""What a worker's main process makes of messages: of one that is said to have expired, or can't be acknowledged."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from celery import current_app
from kombu import Connection

from scheduler import clock
from scheduler.known_tasks import registered_tasks
from scheduler.worker.outcomes import HEADER
from scheduler.worker.requests import TrackedRequest
from tests.servers import Valkey


def test_a_message_whose_acknowledgement_failed_gives_its_place_in_the_prefetch_window_back(tmp_path: Path) -> None:
    server = Valkey(tmp_path)
    server.start()
    try:
        with Connection(server.url, transport_options={"socket_connect_timeout": 1}) as connection:
            channel = connection.default_channel
            channel.basic_qos(0, 1, False)
            queue = current_app.amqp.queues["default"](channel)
            queue.declare()
            with current_app.amqp.Producer(channel) as producer:
                current_app.send_task("tasks.print_time", producer=producer, queue="default", retry=False)
            message = queue.get()
            assert not channel.qos.can_consume()
            server.kill()
            errors = connection.connection_errors + connection.channel_errors
            request = TrackedRequest(
                message, app=current_app, task=registered_tasks()["tasks.print_time"], on_ack=message.ack_log_error,
                connection_errors=errors,
            )  # fmt: skip
            request.acknowledge()
            assert not message.acknowledged
            assert channel.qos.can_consume()
    finally:
        server.stop()


@pytest.mark.parametrize(("headers", "dropped"), [({HEADER: {"attempt": 1}}, False), ({}, True)])
def test_it_is_the_database_that_says_whether_a_run_has_expired(headers: dict[str, Any], dropped: bool) -> None:
    with Connection("memory://") as connection:
        channel = connection.default_channel
        queue = current_app.amqp.queues["default"](channel)
        queue.declare()
        with current_app.amqp.Producer(channel) as producer:
            past = clock.now() - timedelta(hours=1)
            current_app.send_task("tasks.print_time", producer=producer, queue="default", expires=past, headers=headers)
        message = queue.get()
        request = TrackedRequest(message, app=current_app, task=registered_tasks()["tasks.print_time"])
        assert bool(request.maybe_expire()) is dropped
