"""A run whose pool process died unnoticed is given up at the second look, and no other run is."""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from celery.worker import state as worker_state

from scheduler.db import close_own_connection
from scheduler.models import State, TaskRun
from scheduler.worker import heartbeat, outcomes
from scheduler.worker.orphans import Orphans
from tests.unit.admin.pages import make_run

pytestmark = pytest.mark.django_db
THIS = uuid.uuid4()


@pytest.fixture
def gone() -> int:
    """The pid of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The attempts that were given up."""
    found: list[tuple[str, int]] = []
    monkeypatch.setattr(outcomes, "give_up", lambda run_id, attempt, reason: found.append((run_id, attempt)))
    return found


@pytest.fixture
def orphan(gone: int) -> TaskRun:
    return make_run("orphan", State.RUNNING, process=THIS, pid=gone)


def test_it_is_given_up_at_the_second_look(orphan: TaskRun, told: list[tuple[str, int]]) -> None:
    orphans = Orphans(THIS)
    orphans.look()
    assert told == []
    orphans.look()
    assert told == [(str(orphan.pk), 1)]


def test_what_has_ended_between_the_looks_is_left(orphan: TaskRun, told: list[tuple[str, int]]) -> None:
    orphans = Orphans(THIS)
    orphans.look()
    TaskRun.objects.update(state=State.SUCCESS)
    orphans.look()
    assert told == []


def test_another_attempt_begins_anew(orphan: TaskRun, told: list[tuple[str, int]]) -> None:
    orphans = Orphans(THIS)
    orphans.look()
    TaskRun.objects.update(attempt=2)
    orphans.look()
    assert told == []
    orphans.look()
    assert told == [(str(orphan.pk), 2)]


@pytest.mark.parametrize("change", [{"process": uuid.uuid4()}, {"pid": os.getpid()}, {"pid": None}])
def test_runs_of_other_workers_and_of_live_processes_are_left(
    orphan: TaskRun, told: list[tuple[str, int]], change: dict[str, object]
) -> None:
    TaskRun.objects.update(**change)
    orphans = Orphans(THIS)
    for _ in range(3):
        orphans.look()
    assert told == []


@pytest.fixture
def request_of_it(orphan: TaskRun) -> Iterator[None]:
    request = SimpleNamespace(id=str(orphan.pk))
    worker_state.requests[request.id] = request
    yield
    del worker_state.requests[request.id]


@pytest.mark.usefixtures("request_of_it")
def test_what_celery_has_a_request_of_is_left_to_celery(told: list[tuple[str, int]]) -> None:
    orphans = Orphans(THIS)
    for _ in range(3):
        orphans.look()
    assert told == []


@pytest.mark.django_db(transaction=True)
def test_what_goes_on_in_another_attempt_by_then_is_not_given_up(
    orphan: TaskRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "this_process", lambda: SimpleNamespace(id=THIS))
    TaskRun.objects.update(attempt=2)
    outcomes._lost(str(orphan.pk), "Its process died", 1)
    assert TaskRun.objects.get().state == State.RUNNING
    outcomes._lost(str(orphan.pk), "Its process died", 2)
    assert TaskRun.objects.get().state == State.LOST
    close_own_connection()
