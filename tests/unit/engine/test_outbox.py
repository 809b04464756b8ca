"""The thread that publishes: warm before the first batch, whatever the broker is like then."""

from __future__ import annotations

import threading
import time
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import OperationalError as OperationalDatabaseError
from kombu.exceptions import OperationalError

from scheduler import clock
from scheduler.engine import outbox as outbox_module
from scheduler.engine.outbox import Outbox
from scheduler.models import State, TaskRun
from scheduler.publishing import Publisher
from tests.unit.admin.pages import make_run
from tests.waiting import wait_for

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("error", [None, OperationalError("away"), RuntimeError("odd")])
def test_it_warms_up_before_anything_else_and_goes_on_if_that_fails(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception | None
) -> None:
    did: list[str] = []
    asked = threading.Event()

    def warm_up(self: Publisher) -> None:
        did.append("warm up")
        if error is not None:
            raise error

    monkeypatch.setattr(Publisher, "warm_up", warm_up)
    outbox = Outbox()
    outbox.ask(lambda: (did.append("asked"), asked.set()))
    outbox.start()
    assert asked.wait(10)
    outbox.stop(5)
    assert did == ["warm up", "asked"]
    assert not caplog.records


def test_what_stood_in_line_until_its_lease_had_ended_is_left_to_whoever_takes_it_next(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    given = settings.SCHEDULER
    sent: list[UUID] = []
    broker_goes_on = threading.Event()

    def publish(publisher: Publisher, batch: list[TaskRun]) -> None:
        assert broker_goes_on.wait(10)
        sent.extend(run.id for run in batch)

    monkeypatch.setattr(Publisher, "warm_up", lambda self: None)
    monkeypatch.setattr(outbox_module, "publish", publish)
    outbox = Outbox()
    outbox.start()
    first, in_line, later = TaskRun(), TaskRun(), TaskRun()
    settings.SCHEDULER = {**given, "REPUBLISH_AFTER": 60.0}
    outbox.put([first])
    wait_for(outbox._batches.empty, what="the first to be on its way")
    settings.SCHEDULER = {**given, "REPUBLISH_AFTER": 0.1}
    outbox.put([in_line])
    [waiting] = outbox._batches.queue
    wait_for(lambda: waiting.is_due_again, what="the lease to end")
    settings.SCHEDULER = {**given, "REPUBLISH_AFTER": 60.0}
    broker_goes_on.set()
    outbox.put([later])
    outbox.stop(5)
    assert sent == [first.id, later.id]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """What is published, by a broker that takes everything."""
    found: list[UUID] = []
    monkeypatch.setattr(Publisher, "warm_up", lambda self: None)
    monkeypatch.setattr(outbox_module, "publish", lambda publisher, batch: found.extend(run.id for run in batch))
    return found


@pytest.mark.django_db(transaction=True)
def test_what_was_left_is_taken_part_by_part_and_the_pass_is_woken(sent: list[UUID], settings: Any) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "BATCH_SIZE": 2}
    left = [
        make_run("a", State.PENDING, ago=90 - n, publish_at=clock.now() - timedelta(seconds=9 - n)) for n in range(3)
    ]
    make_run("a", State.PENDING, publish_at=clock.now() + timedelta(seconds=60))
    woken: list[int] = []
    outbox = Outbox(lambda: woken.append(len(sent)))
    outbox.take_left()
    outbox.take_left()
    outbox.start()
    wait_for(lambda: len(sent) == 3, what="what was left to be sent")
    outbox.stop(5)
    assert sent == [run.id for run in left]
    assert woken == [2, 3]


@pytest.mark.django_db(transaction=True)
def test_a_backlog_lets_go_ahead_what_came_into_line_meanwhile(sent: list[UUID], settings: Any) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "BATCH_SIZE": 1}
    left = [
        make_run("a", State.PENDING, ago=90 - n, publish_at=clock.now() - timedelta(seconds=9 - n)) for n in range(2)
    ]
    outbox, new = Outbox(), TaskRun()
    outbox.take_left()
    outbox.put([new])
    outbox.start()
    wait_for(lambda: len(sent) == 3, what="all to be sent")
    outbox.stop(5)
    assert sent == [left[0].id, new.id, left[1].id]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_taken_while_the_broker_is_away(sent: list[UUID]) -> None:
    run = make_run("a", State.PENDING, publish_at=clock.now() - timedelta(seconds=1))
    outbox = Outbox()
    outbox._went_away(OperationalError("away"))
    outbox.take_left()
    assert outbox._batches.empty()
    wait_for(lambda: time.monotonic() >= outbox._not_before, what="the pause to end")
    outbox.take_left()
    outbox.start()
    wait_for(lambda: sent == [run.id], what="it to be sent")
    outbox.stop(5)


def test_a_database_that_is_away_holds_up_nothing_else(sent: list[UUID], monkeypatch: pytest.MonkeyPatch) -> None:
    def take(now: Any, limit: int) -> list[TaskRun]:
        raise OperationalDatabaseError("gone")

    monkeypatch.setattr(outbox_module.runs, "take_unpublished", take)
    outbox, run = Outbox(), TaskRun()
    outbox.take_left()
    outbox.put([run])
    outbox.start()
    wait_for(lambda: sent == [run.id], what="the next in line")
    outbox.stop(5)
