"""A run that was cancelled and goes on: its process is terminated where the pool can do so, and told of where not."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency import base, prefork, solo, thread
from celery.worker import state as worker_state

from scheduler import clock
from scheduler.models import State, TaskRun
from scheduler.processes import ThisProcess
from scheduler.worker import heartbeat
from tests.unit.admin.pages import make_run

pytestmark = pytest.mark.django_db


class Request:
    """A worker's request object, as far as ending it goes."""

    def __init__(self, run: TaskRun) -> None:
        self.id, self.worker_pid, self.killed = str(run.pk), os.getpid(), 0

    def terminate(self, pool: Any, signal: str) -> None:
        pool.terminate_job(self.worker_pid, signal)
        self.killed += 1


@pytest.fixture
def requests() -> Iterator[list[Request]]:
    """The requests of two runs that were cancelled an hour ago, as the worker `this` has them."""
    asked = {"cancel_requested_at": clock.now() - timedelta(hours=1), "process": THIS.id, "pid": os.getpid()}
    made = [Request(make_run(name, State.RUNNING, **asked)) for name in ("a", "b")]
    worker_state.active_requests.update(made)
    yield made
    worker_state.active_requests.difference_update(made)


THIS = ThisProcess("worker", "w@h")


def beating(pool: type[base.BasePool]) -> heartbeat._Heartbeat:
    return heartbeat._Heartbeat(THIS, SimpleNamespace(pool=object.__new__(pool), hub=None))


@pytest.mark.parametrize("pool", [solo.TaskPool, thread.TaskPool])
def test_a_pool_that_cannot_terminate_says_so_once_of_each_run(
    pool: type[base.BasePool], requests: list[Request], caplog: pytest.LogCaptureFixture
) -> None:
    this = beating(pool)
    with caplog.at_level(logging.INFO, logger="scheduler"):
        for _ in range(3):
            this._end_cancelled()
    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2 and all("pool can't terminate a task" in text for text in said)
    assert sorted(request.id for request in requests) == sorted(text.split()[1] for text in said)


def test_a_run_that_has_ended_is_forgotten(requests: list[Request]) -> None:
    this = beating(thread.TaskPool)
    this._end_cancelled()
    assert len(this._beyond_reach) == 2
    TaskRun.objects.filter(pk=requests[0].id).update(state=State.CANCELLED)
    this._end_cancelled()
    assert [str(run) for run in this._beyond_reach] == [requests[1].id]


def prefork_beating() -> heartbeat._Heartbeat:
    this = beating(prefork.TaskPool)
    this.consumer.pool.terminate_job = lambda pid, signal: None  # its start gives it billiard's, its class has none
    return this


def test_a_prefork_pool_terminates_the_process(requests: list[Request]) -> None:
    prefork_beating()._end_cancelled()
    assert [request.killed for request in requests] == [1, 1]


def test_a_run_that_another_process_has_begun_anew_is_not_ended_for_the_first_one(requests: list[Request]) -> None:
    requests[0].worker_pid += 1
    prefork_beating()._end_cancelled()
    assert [request.killed for request in requests] == [0, 1]


def test_a_run_that_ended_before_the_event_loop_came_to_end_it_is_left_alone(requests: list[Request]) -> None:
    this, planned = prefork_beating(), []
    this.consumer.hub = SimpleNamespace(call_soon=lambda work, *args: planned.append((work, args)))
    this._end_cancelled()
    worker_state.active_requests.discard(requests[0])
    for work, args in planned:
        work(*args)
    assert [request.killed for request in requests] == [0, 1]
