"""Messages that are replayed, reordered or forged: no body runs that the database did not order, and none twice."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from scheduler import clock
from scheduler.models import State, TaskRun
from tests.faults.conftest import SCALE
from tests.faults.site import WORK, Site
from tests.faults.test_hurtful_tasks import add_once
from tests.waiting import wait_for

Message = dict[str, Any]


def queued(site: Site, count: int) -> list[Message]:
    """Let `count` runs be queued, with no worker there, and return their messages."""
    site.start_schedulers(1)
    site.add_jobs(5, lasting=count / 5 - 1, begin=3)
    wait_for(lambda: TaskRun.objects.filter(state=State.QUEUED).count() == count, what="the queue", timeout=60)
    with site.valkey.client() as broker:
        return [json.loads(raw) for raw in broker.lrange("default", 0, -1)]


def put(site: Site, messages: list[Message]) -> None:
    """Put messages into the queue, for workers to take in this order."""
    with site.valkey.client() as broker:
        broker.lpush("default", *[json.dumps(message) for message in messages])


def body(message: Message, args: list[Any], kwargs: dict[str, Any]) -> str:
    """Return a message's body with other arguments."""
    embedded = json.loads(base64.b64decode(message["body"]))[2]
    return base64.b64encode(json.dumps([args, kwargs, embedded]).encode()).decode()


@pytest.mark.short
def test_messages_replayed_five_times_in_any_order_start_each_body_once(site: Site) -> None:
    count = 5 * max(6, round(20 * SCALE))
    messages = queued(site, count)
    replayed = messages * 5
    site.random.shuffle(replayed)
    put(site, replayed)
    site.report.faults = len(replayed)
    site.start_workers(2)
    site.wait_for_the_end()
    site.random.shuffle(replayed)
    put(site, replayed)  # and once more, when all of them have ended
    with site.valkey.client() as broker:
        wait_for(lambda: broker.llen("default") + broker.hlen("unacked") == 0, what="the queue to be empty", timeout=60)
    site.check()
    assert len([words for words in site.lines() if words[0] == "start"]) == count


FORGED: dict[str, Callable[[Message, str], None]] = {
    "a random id": lambda m, _: rename(m, str(uuid.uuid4())),
    "no run's id": lambda m, _: rename(m, "nobody"),
    "a path for an id": lambda m, _: rename(m, "../../etc/passwd\x00"),
    "a later attempt": lambda m, _: m["headers"].update(tickwork=7),
    "an attempt that is no number": lambda m, _: m["headers"].update(tickwork="first"),
    "an attempt that is a list": lambda m, _: m["headers"].update(tickwork=[1]),
    "an unknown name": lambda m, _: m["headers"].update(task="there.is.no.such.task"),
    "another task's name": lambda m, _: m["headers"].update(task="tests.app.fault_tasks.kill_itself"),
    "other arguments": lambda m, ledger: m.update(body=body(m, [ledger, 0.0], {})),
    "arguments that don't fit": lambda m, _: m.update(body=body(m, [1, 2, 3], {"no": "such"})),
    "no readable body": lambda m, _: m.update(body="AAAA"),
    "an unknown content type": lambda m, _: m.update({"content-type": "application/x-python-serialize"}),
    "an expiry in the past": lambda m, _: m["headers"].update(expires="2001-01-01T00:00:00+00:00"),
    "an hour's delay": lambda m, _: m["headers"].update(eta=(clock.now() + timedelta(hours=1)).isoformat()),
}


def rename(message: Message, run_id: str) -> None:
    message["headers"].update(id=run_id, root_id=run_id)
    message["properties"]["correlation_id"] = run_id


@pytest.mark.short
def test_forged_messages_start_nothing_and_change_nothing(site: Site) -> None:
    messages = queued(site, 5 * len(FORGED))
    forged_ledger = str(site.folder / "forged")
    forged = []
    for message, forge in zip(messages[:: len(messages) // len(FORGED)], FORGED.values(), strict=False):
        copy = json.loads(json.dumps(message))
        forge(copy, forged_ledger)
        copy["properties"]["delivery_tag"] = str(uuid.uuid4())
        forged.append(copy)
    with site.valkey.client() as broker:
        real = broker.lrange("default", 0, -1)
        broker.delete("default")
        put(site, forged)
        broker.lpush("default", *reversed(real))
    site.report.faults = len(forged)
    site.start_workers(1)
    site.wait_for_the_end()
    put(site, [{**m, "properties": {**m["properties"], "delivery_tag": str(uuid.uuid4())}} for m in forged])
    with site.valkey.client() as broker:
        wait_for(lambda: broker.llen("default") == 0, what="the queue to be empty", timeout=60)
    add_once(site, "afterwards", "work", clock.now() + timedelta(seconds=1), kwargs={"ledger": site.ledger})
    wait_for(lambda: TaskRun.objects.filter(job_id="afterwards", state=State.SUCCESS).exists(), what="a run afterwards")
    site.check()
    assert not (site.folder / "forged").exists(), "a body ran with arguments that the database did not order"
    ran = {words[1] for words in site.lines()}
    assert ran == {str(run_id) for run_id in TaskRun.objects.values_list("id", flat=True)}
    assert set(TaskRun.objects.values_list("task", flat=True)) == {WORK}
    assert all(worker.is_running for worker in site.workers)


def test_the_message_of_an_old_attempt_starts_nothing(site: Site) -> None:
    site.start_schedulers(1)
    kwargs = {"ledger": site.ledger, "countdown": 4.0}
    add_once(site, "retries", "retry_later", clock.now() + timedelta(seconds=2), kwargs=kwargs)
    wait_for(lambda: TaskRun.objects.filter(state=State.QUEUED).exists(), what="the run to be queued")
    with site.valkey.client() as broker:
        first = [json.loads(raw) for raw in broker.lrange("default", 0, -1)]
    site.start_workers(1)
    wait_for(lambda: TaskRun.objects.filter(state=State.RETRYING).exists(), what="the first attempt to end", timeout=30)
    put(site, first * 3)
    site.report.faults = 3
    site.wait_for_the_end()
    put(site, first)
    with site.valkey.client() as broker:
        wait_for(lambda: broker.llen("default") == 0, what="the queue to be empty")
    site.check()
    assert [words[2] for words in site.lines()] == ["1", "2"]
