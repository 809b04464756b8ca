"""Casts the messages of many runs from one that Celery has built, which is what costs; used by `publishing`.

Celery and kombu build each message anew: routes, headers, reprs, declarations. Of two runs of one kind all of it is
the same but a few values. So the first message of a kind is built by Celery, and kept from being sent; the others are
cast from it. A kind whose first message does not come out of its mould byte for byte (another serializer, compression,
events, a broker other than Redis, …) is left to Celery.
"""

from __future__ import annotations

import json
import re
import uuid
from base64 import b64encode
from collections.abc import Callable, Sequence
from typing import Any

from celery import Celery, signals
from celery.app.routes import MapRoute
from celery.utils.saferepr import saferepr
from celery.utils.time import maybe_make_aware
from kombu.exceptions import BatchPublishError
from kombu.serialization import dumps

from .models import TaskRun
from .secrets import mask_arguments

Send = Callable[[TaskRun], object]
"""Has Celery send a run's message."""

MOST_AT_ONCE = 500
"""Messages in one command, or in one pipeline of kombu's."""
MOST = 1_000
"""Kinds that are kept; an installation has a handful."""
MARK = uuid.uuid4().hex
"""Begins what stands in a mould for the values of a run; no text of anybody's holds it."""
SLOT = re.compile(rf'"{MARK}(\w+)"')
SIGNALS = (signals.before_task_publish, signals.after_task_publish, signals.task_sent)
EMBEDDED = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


class Moulds:
    """The moulds of one producer, by kind of run."""

    def __init__(self, app: Celery, producer: Any) -> None:
        self._app, self._producer = app, producer
        self._kept: dict[tuple[Any, ...], _Mould | None] = {}

    def cast(self, run: TaskRun, send: Send) -> tuple[str, str] | None:
        """Return the Redis list that a run's message goes to and the message; None where Celery must send it."""
        if masked_reprs(self._app, run):
            return None
        options = run.options
        kind = (
            run.task, run.queue, run.attempt, run.retries, run.expires_at is None, options.get("priority"),
            options.get("time_limit"), options.get("soft_time_limit"),
        )  # fmt: skip
        try:
            mould = self._kept[kind]
        except KeyError:
            if len(self._kept) >= MOST:
                self._kept.clear()
            mould = self._kept[kind] = self._make(run, send)
        return None if mould is None else (mould.key, mould.cast(run))

    def _make(self, run: TaskRun, send: Send) -> _Mould | None:
        """Have Celery build a run's message, and make a mould of it, if it can be done."""
        if any(signal.receivers for signal in SIGNALS) or not self._producer.supports_batch_publish:
            return None  # somebody wants to see each message, or may change it
        if not all(isinstance(route, MapRoute) for route in self._app.amqp.routes):
            return None  # a router that may look at the arguments
        recorder = _Recorder(self._producer.channel)
        with recorder, self._producer.batch():
            send(run)
        if [name for name, _ in recorder.commands] != ["lpush"]:
            return None
        key, text = recorder.commands[0][1]
        mould = _Mould(self._app, key, json.loads(text))
        return mould if mould.is_true_to(run, text) else None


def push(channel: Any, cast: Sequence[tuple[str, str]]) -> None:
    """Push cast messages onto their lists in one pipeline.

    :raises BatchPublishError: (kombu's) if that fails; some may have been pushed
    """
    lists: dict[str, list[str]] = {}
    for key, text in cast:
        lists.setdefault(key, []).append(text)
    if not lists:
        return
    try:
        with channel.conn_or_acquire() as client, client.pipeline(transaction=False) as pipe:
            for key, texts in lists.items():
                for first in range(0, len(texts), MOST_AT_ONCE):
                    pipe.lpush(key, *texts[first : first + MOST_AT_ONCE])
            pipe.execute()
    except Exception as error:
        raise BatchPublishError(f"Delivery is uncertain: {error}") from error


class _Recorder:
    """Stands in for kombu's batch (`PublishBatch`), and notes the commands in place of giving them to Redis."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.commands: list[tuple[str, tuple[Any, ...]]] = []

    def __enter__(self) -> None:
        self.channel.create_publish_batch = lambda max_size: self

    def __exit__(self, *_: object) -> None:
        del self.channel.create_publish_batch  # the class's own is there again

    def publish(self, message: Any, **options: Any) -> Any:
        return self.channel.basic_publish(message, _publish_batch=self, **options)

    def add(self, name: str, *arguments: Any) -> None:
        self.commands.append((name, arguments))

    def flush(self) -> None:
        """There is nothing to flush."""

    discard = close = flush


class _Mould:
    """One kind's message as text, with slots for what differs from run to run."""

    def __init__(self, app: Celery, key: str, message: dict[str, Any]) -> None:
        self.key = key
        self._app = app
        headers, properties = message.get("headers", {}), message.get("properties", {})
        self._tag = properties.get("delivery_tag")
        slots = {
            "id": [(headers, "id"), (headers, "root_id"), (properties, "correlation_id")],
            "tag": [(properties, "delivery_tag")],
            "args": [(headers, "argsrepr")],
            "kwargs": [(headers, "kwargsrepr")],
            "body": [(message, "body")],
            "expires": [(headers, "expires")],
            "milliseconds": [(properties, "expiration")],
        }
        for slot, places in slots.items():
            for place, field in places:
                if place.get(field) is not None:
                    place[field] = MARK + slot
        self._parts = SLOT.split(json.dumps(message))
        self._slots = self._parts[1::2]
        self._nothing = _payload(app, TaskRun())

    def cast(self, run: TaskRun, tag: str | None = None) -> str:
        """Return the message of a run of this kind."""
        payload = _payload(self._app, run) if run.args or run.kwargs else self._nothing
        values = {"id": f'"{run.id}"', "tag": f'"{tag or uuid.uuid4()}"', **payload}
        if run.expires_at is not None:
            left = (run.expires_at - maybe_make_aware(self._app.now())).total_seconds()
            values["expires"] = f'"{run.expires_at.isoformat()}"'
            values["milliseconds"] = f'"{int(max(left, 0) * 1000)}"'
        parts = self._parts.copy()
        parts[1::2] = [values[slot] for slot in self._slots]
        return "".join(parts)

    def is_true_to(self, run: TaskRun, text: str) -> bool:
        """Whether this mould gives the very message that Celery has built for `run`."""
        try:
            mine = self.cast(run, self._tag)
        except KeyError:  # it has an expiry that is not the run's, but its task's
            return False
        return _without_age(mine) == _without_age(text)


def _payload(app: Celery, run: TaskRun) -> dict[str, str]:
    """Return what the arguments fill, as JSON: the body, and the texts that monitors show."""
    text = dumps((run.args, run.kwargs, EMBEDDED), serializer="json")[2]
    most, levels = app.amqp.argsrepr_maxsize, app.conf.task_repr_maxlevels
    return {
        "body": f'"{b64encode(text.encode() if isinstance(text, str) else text).decode()}"',
        "args": json.dumps(saferepr(run.args or (), most, maxlevels=levels)),
        "kwargs": json.dumps(saferepr(run.kwargs or {}, app.amqp.kwargsrepr_maxsize, maxlevels=levels)),
    }


def masked_reprs(app: Celery, run: TaskRun) -> dict[str, str]:
    """Return what events, monitors and the worker's own log are to show of arguments that hold a secret, else nothing.

    A sender that gives these texts gets them into the message's properties, too (Celery's Task.apply_async).
    """
    if not run.args and not run.kwargs:
        return {}
    args, kwargs = mask_arguments(run.task, run.args, run.kwargs)
    if (args, kwargs) == (run.args, run.kwargs):
        return {}
    return {
        "argsrepr": saferepr(args, app.amqp.argsrepr_maxsize),
        "kwargsrepr": saferepr(kwargs, app.amqp.kwargsrepr_maxsize),
    }


def _without_age(text: str) -> str:
    """Return a message without what is counted from the moment of its making."""
    return re.sub(r'"expiration": "\d+"', "", text)
