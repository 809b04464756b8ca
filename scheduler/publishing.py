"""The only sender of messages: hands runs to the broker by task name, in one pipeline; engine and "run now" callers."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from celery import current_app
from django.db import DEFAULT_DB_ALIAS, connections
from kombu import Connection
from kombu.exceptions import BatchPublishError, OperationalError

from . import clock, reach, runs
from .db import OUTAGE, drop_connection
from .messages import MOST_AT_ONCE, Moulds, masked_reprs, push
from .models import State, TaskRun

logger = logging.getLogger(__name__)

HEADER = "tickwork"
"""Marks a message as tracked; its value is the attempt that it may start."""
MESSAGE_OPTIONS = ("priority", "time_limit", "soft_time_limit")


def broker_connection(timeout: float) -> Connection:
    """Return a new broker connection that gives up after `timeout` seconds instead of blocking for ever."""
    limits: dict[str, Any] = {}
    app = current_app._get_current_object()
    if (app.conf.broker_write_url or app.conf.broker_url or "").startswith(("redis", "unix", "sentinel", "valkey")):
        limits = {"socket_timeout": timeout, "socket_connect_timeout": timeout, "retry_on_timeout": False}
    connection: Connection = app.connection_for_write(transport_options=limits, connect_timeout=timeout)
    return connection


def broker_address() -> str:
    """Return the broker's address with its password masked, and the setting that it comes from, for messages."""
    return f"{current_app.connection_for_write().as_uri()} (broker_url, CELERY_BROKER_URL)"


def queue_name(queue: str, task: str) -> str:
    """Return the queue that a run goes to: its job's own, or the one that Celery's routes say, or the default."""
    if queue:
        return queue
    route = current_app.amqp.router.route({}, task)
    return str(getattr(route.get("queue"), "name", None) or current_app.conf.task_default_queue)


class Publisher:
    """A broker connection of its own, opened on first use and again after each failure. One thread at a time."""

    def __init__(self, timeout: float) -> None:
        self.timeout = timeout
        self._connection: Connection | None = None
        self._producer: Any = None
        self._moulds: Moulds | None = None

    def warm_up(self) -> None:
        """Connect, and build a message that is not sent: loading what that takes would make the first firing late.

        :raises OperationalError: (kombu's) if the broker is out of reach
        """
        nobodys = TaskRun(id=uuid.uuid4(), task="tickwork.warm_up", args=[], kwargs={}, options={}, attempt=1)
        connection, moulds = self._opened()
        try:
            with connection._reraise_as_library_errors():
                moulds.cast(nobodys, self._send_one)
        except BaseException:
            self.close()
            raise

    def _opened(self) -> tuple[Connection, Moulds]:
        if self._connection is None or self._moulds is None:
            app = current_app._get_current_object()
            self._connection = broker_connection(self.timeout)
            self._producer = app.amqp.Producer(self._connection, auto_declare=False)
            self._moulds = Moulds(app, self._producer)
        return self._connection, self._moulds

    def send(self, batch: Sequence[TaskRun]) -> None:
        """Send the messages of a batch through one pipeline.

        :raises OperationalError: (kombu's) if the broker is out of reach; some of the messages may have been sent
        """
        connection, moulds = self._opened()
        try:
            with connection._reraise_as_library_errors():
                rest = self._push_cast(moulds, batch)
                if rest:
                    with self._producer.batch(max_size=MOST_AT_ONCE):
                        for run in rest:
                            self._send_one(run)
        except BatchPublishError as error:  # the pipeline failed, which no single message is to blame for
            self.close()
            raise OperationalError(str(error.__cause__ or error)) from error
        except BaseException:
            self.close()
            raise

    def _push_cast(self, moulds: Moulds, batch: Sequence[TaskRun]) -> list[TaskRun]:
        """Push the messages that can be cast; return the runs whose messages Celery must build."""
        cast = [(run, moulds.cast(run, self._send_one)) for run in batch]
        push(self._producer.channel, [message for _, message in cast if message is not None])
        return [run for run, message in cast if message is None]

    def _send_one(self, run: TaskRun) -> None:
        options = {name: run.options[name] for name in MESSAGE_OPTIONS if name in run.options}
        if run.queue:
            options["queue"] = run.queue
        if run.expires_at is not None:
            options["expires"] = run.expires_at
        current_app.send_task(
            run.task,
            run.args,
            run.kwargs,
            task_id=str(run.id),
            producer=self._producer,
            ignore_result=True,
            retries=run.retries,
            retry=False,
            headers={HEADER: run.attempt},
            add_to_parent=False,
            root_id=str(run.id),
            parent_id=None,
            **masked_reprs(current_app, run),
            **options,
        )

    def close(self) -> None:
        """Close the connection; the next `send` opens a new one."""
        connection, self._connection, self._producer, self._moulds = self._connection, None, None, None
        if connection is not None:
            try:
                connection.release()
            except Exception:  # a broken socket may fail to close as well
                logger.debug("Broker connection failed to close", exc_info=True)


def publish(publisher: Publisher, batch: Sequence[TaskRun]) -> None:
    """Send a batch and note it as queued. A run whose message can't be built fails alone, with the reason.

    :raises OperationalError: (kombu's) if the broker is out of reach; the runs stay pending, which is the outbox
    """
    if not batch:
        return
    sent_at = clock.now()
    try:
        publisher.send(batch)
    except OperationalError:
        raise
    except Exception:
        logger.warning("A message of a batch of %d can't be sent; sending them one by one", len(batch), exc_info=True)
        batch = [run for run in batch if _send_alone(publisher, run)]
    _note_queued(batch, sent_at)


def _note_queued(batch: Sequence[TaskRun], sent_at: datetime) -> None:
    """Note a batch as queued; after a failure once more, for this thread's connection may have died long ago."""
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with reach.limited(connection):
            runs.mark_queued(batch, at=sent_at)
    except OUTAGE:
        drop_connection()
        with reach.limited(connection):
            runs.mark_queued(batch, at=sent_at)


def _send_alone(publisher: Publisher, run: TaskRun) -> bool:
    try:
        publisher.send([run])
    except OperationalError:
        raise
    except Exception as error:
        reason = f"Its message can't be sent: {type(error).__name__}: {error}"
        logger.error("Run %s of job %s: %s", run.id, run.job_id, reason)
        runs.refuse(run, runs.Outcome(State.FAILURE, reason))
        return False
    return True
