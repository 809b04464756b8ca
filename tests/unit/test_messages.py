"""Cast messages: each is, field by field, what `apply_async` sends."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery import Celery, Task, current_app, shared_task, signals
from kombu import Connection, Exchange, Queue
from kombu.exceptions import OperationalError

from scheduler import clock, messages, publishing
from scheduler.models import TaskRun
from scheduler.publishing import Publisher
from tests.servers import Valkey

HARD: list[Any] = [
    "a",
    1,
    2.5,
    None,
    True,
    "ж 語 🎈",
    'quote " and \\',
    "@id@ %s",
    {"deep": [{"x": [1, [2, [3, [4]]]]}]},
]


@shared_task(name="tests.messages.plain")
def plain(*args: Any, **kwargs: Any) -> None: ...


@shared_task(name="tests.messages.particular", time_limit=50, soft_time_limit=20, serializer="json")
def particular(*args: Any, **kwargs: Any) -> None: ...


@shared_task(name="tests.messages.expiring", expires=600)
def expiring(*args: Any, **kwargs: Any) -> None: ...


RUNS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "arguments": {"args": HARD, "kwargs": {"key": HARD, "id": "x"}},
    "long arguments": {"args": ["x" * 3000], "kwargs": {"y": list(range(2000))}},
    "a queue": {"queue": "mail"},
    "a priority": {"options": {"priority": 7}},
    "time limits": {"options": {"time_limit": 60.0, "soft_time_limit": 30.5}},
    "an expiry": {"expires_at": clock.now() + timedelta(seconds=90, microseconds=123)},
    "an expiry that has passed": {"expires_at": clock.now() - timedelta(seconds=90)},
    "a later attempt": {"attempt": 3, "retries": 2},
    "everything": {
        "args": HARD, "kwargs": {"a": 1}, "queue": "mail", "attempt": 2, "retries": 1,
        "options": {"priority": 9, "time_limit": 5, "soft_time_limit": 4, "on_lost": "retry"},
        "expires_at": clock.now() + timedelta(hours=1),
    },
}  # fmt: skip


@pytest.fixture
def broker(valkey: Valkey) -> Iterator[Any]:
    with valkey.client() as client:
        client.flushall()
        yield client


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher(5)
    yield publisher
    publisher.close()


@pytest.fixture
def other_app(valkey: Valkey) -> Iterator[Celery]:
    """A Celery app that a test may configure as it likes."""
    before = current_app._get_current_object()
    app = Celery("other", broker=valkey.url, set_as_current=False)
    app.conf.update(task_default_queue="default", broker_transport_options={"socket_timeout": 5})
    app.set_current()
    yield app
    before.set_current()


@pytest.fixture
def sent_by_celery(monkeypatch: pytest.MonkeyPatch) -> list[TaskRun]:
    """The runs whose messages Celery has built."""
    built: list[TaskRun] = []
    send = Publisher._send_one

    def note(self: Publisher, run: TaskRun) -> None:
        built.append(run)
        send(self, run)

    monkeypatch.setattr(Publisher, "_send_one", note)
    return built


def new_run(task: Task = plain, **fields: Any) -> TaskRun:
    now = clock.now()
    return TaskRun(id=uuid.uuid4(), job_id="job", task=task.name, scheduled_at=now, created_at=now, **fields)


def options_of(run: TaskRun) -> dict[str, Any]:
    """Return what a caller of Celery would say to send a message such as the run's."""
    options = {name: run.options[name] for name in publishing.MESSAGE_OPTIONS if name in run.options}
    if run.queue:
        options["queue"] = run.queue
    if run.expires_at:
        options["expires"] = run.expires_at
    marks = {"headers": {"tickwork": run.attempt}, "retries": run.retries, "ignore_result": True}
    return {"args": run.args, "kwargs": run.kwargs, "task_id": str(run.id), **marks, **options}


def taken(broker: Any) -> list[tuple[str, dict[str, Any]]]:
    """Take all messages from the broker, the earliest first, with the list that each lay in."""
    found = []
    for key in sorted(broker.keys("*")):
        if broker.type(key) == b"list":
            while (raw := broker.rpop(key)) is not None:
                found.append((key.decode(), json.loads(raw)))
    return found


def comparable(message: dict[str, Any]) -> dict[str, Any]:
    """Return a message without what no two sendings share."""
    uuid.UUID(message["properties"].pop("delivery_tag"))
    if "expiration" in message["properties"]:  # counted from the sending, in milliseconds
        message["properties"]["expiration"] = round(int(message["properties"]["expiration"]) / 5000)
    return message


@pytest.mark.parametrize("task", [plain, particular], ids=["a plain task", "a task with options of its own"])
@pytest.mark.parametrize("fields", RUNS.values(), ids=RUNS)
def test_a_message_is_field_by_field_what_apply_async_sends(
    broker: Any, publisher: Publisher, task: Task, fields: dict[str, Any]
) -> None:
    publisher.send([new_run(task, **fields)])  # makes the mould
    taken(broker)
    for _ in range(2):
        run = new_run(task, **fields)
        publisher.send([run])
        ours = taken(broker)
        task.apply_async(**options_of(run))
        theirs = taken(broker)
        assert [key for key, _ in ours] == [key for key, _ in theirs]
        assert len(ours) == 1
        assert comparable(ours[0][1]) == comparable(theirs[0][1])
        assert list(ours[0][1]["headers"]) == list(theirs[0][1]["headers"])


def test_celery_builds_one_message_of_a_kind(broker: Any, publisher: Publisher, sent_by_celery: list[TaskRun]) -> None:
    batch = [new_run(args=[number], queue=f"q{number % 2}") for number in range(20)]
    publisher.send(batch)
    assert sent_by_celery == batch[:2]
    found = taken(broker)
    assert {key for key, _ in found} == {"q0", "q1"}
    assert [m["headers"]["id"] for _, m in found] == [str(run.id) for run in [*batch[::2], *batch[1::2]]]
    assert len({m["properties"]["delivery_tag"] for _, m in found}) == 20
    assert json.loads(base64.b64decode(found[0][1]["body"]))[0] == [0]


def test_warming_up_connects_and_builds_a_message_that_nobody_gets(
    broker: Any, publisher: Publisher, sent_by_celery: list[TaskRun]
) -> None:
    connected = broker.info("clients")["connected_clients"]
    publisher.warm_up()
    assert len(sent_by_celery) == 1
    assert taken(broker) == []
    assert broker.info("clients")["connected_clients"] > connected


def test_warming_up_without_a_broker_is_told_and_done_again_by_the_first_message(
    broker: Any, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as away:
        away.setattr(publishing, "broker_connection", lambda timeout: Connection("redis://127.0.0.1:1/0"))
        with pytest.raises(OperationalError):
            publisher.warm_up()
    publisher.send([new_run()])
    assert len(taken(broker)) == 1


def test_routes_decide_the_queue(broker: Any, other_app: Celery, publisher: Publisher) -> None:
    other_app.conf.task_routes = {"tests.messages.*": {"queue": "routed", "priority": 6}}
    run = new_run()
    publisher.send([run])
    ((key, ours),) = taken(broker)
    assert key.startswith("routed")
    other_app.send_task(run.task, **options_of(run))
    assert comparable(ours) == comparable(taken(broker)[0][1])


def test_a_router_of_the_projects_own_is_asked_for_each_message(
    broker: Any, other_app: Celery, publisher: Publisher
) -> None:
    def by_argument(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **more: Any) -> Any:
        return {"queue": f"customer-{args[0]}"}

    other_app.conf.task_routes = (by_argument,)
    publisher.send([new_run(args=[number]) for number in range(3)])
    assert [key for key, _ in taken(broker)] == ["customer-0", "customer-1", "customer-2"]


def test_whoever_listens_for_publishing_hears_of_each_message(broker: Any, publisher: Publisher) -> None:
    heard: list[str] = []

    def hear(headers: dict[str, Any] | None = None, **_: Any) -> None:
        assert headers is not None
        headers["stamp"] = "mine"
        heard.append(headers["id"])

    signals.before_task_publish.connect(hear, weak=False)
    try:
        batch = [new_run() for _ in range(3)]
        publisher.send(batch)
    finally:
        signals.before_task_publish.disconnect(hear)
    assert heard == [str(run.id) for run in batch]
    assert [message["headers"]["stamp"] for _, message in taken(broker)] == ["mine"] * 3


@pytest.mark.parametrize(
    ("setting", "value"),
    [("task_serializer", "pickle"), ("task_compression", "gzip"), ("task_send_sent_event", True), ("task_protocol", 1)],
)
def test_what_cannot_be_cast_is_left_to_celery(
    broker: Any, other_app: Celery, publisher: Publisher, sent_by_celery: list[TaskRun], setting: str, value: Any
) -> None:
    other_app.conf.update({setting: value})
    batch = [new_run(args=["x"]) for _ in range(3)]
    publisher.send(batch)
    assert sent_by_celery == [batch[0], *batch], "the first is built once more, for the mould that turned out wrong"
    assert len(taken(broker)) == 3


def test_a_task_with_an_expiry_of_its_own_is_left_to_celery(
    broker: Any, publisher: Publisher, sent_by_celery: list[TaskRun]
) -> None:
    batch = [new_run(expiring) for _ in range(2)]
    publisher.send(batch)
    assert sent_by_celery == [batch[0], *batch]
    assert all(message["headers"]["expires"] for _, message in taken(broker))


def test_a_queue_that_is_no_plain_list_is_left_to_celery(
    broker: Any, other_app: Celery, publisher: Publisher, sent_by_celery: list[TaskRun]
) -> None:
    other_app.conf.task_queues = [
        Queue("everyone", Exchange("everyone", type="fanout")),
        Queue("short", Exchange("short"), routing_key="short", expires=60),
    ]
    for queue in ("everyone", "short"):
        sent_by_celery.clear()
        batch = [new_run(queue=queue) for _ in range(2)]
        publisher.send(batch)
        assert sent_by_celery == [batch[0], *batch]
    assert broker.pttl("short") > 0


def test_a_message_that_cannot_be_built_is_told_before_anything_is_sent(broker: Any, publisher: Publisher) -> None:
    with pytest.raises(Exception, match="type set"):
        publisher.send([new_run(), new_run(args=[{1, 2}])])
    assert taken(broker) == []


def test_kinds_are_forgotten_where_there_are_very_many(
    broker: Any, publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "MOST", 5)
    publisher.send([new_run(options={"priority": 1, "time_limit": number}) for number in range(1, 20)])
    assert publisher._moulds is not None
    assert len(publisher._moulds._kept) <= 5
    assert len(taken(broker)) == 19


def test_a_secret_shows_in_no_message_but_in_its_body(broker: Any, publisher: Publisher) -> None:
    runs = [
        new_run(kwargs={"password": "hunter22"}),
        new_run(kwargs={"user": "me"}),
        new_run(kwargs={"token": "t0ken"}),
    ]
    publisher.send(runs)
    shown = sorted(message["headers"]["kwargsrepr"] for _, message in taken(broker))
    assert shown == ["{'password': '*****'}", "{'token': '*****'}", "{'user': 'me'}"]
