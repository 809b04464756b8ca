"""When the next pass comes, and what a pass leaves to it."""

from __future__ import annotations

from datetime import timedelta
from math import inf
from types import SimpleNamespace
from typing import Any

import pytest

from scheduler import clock
from scheduler.engine import schedulers, service
from scheduler.engine.schedulers import HELD_SECONDS, LINE_SECONDS, BlockingScheduler
from scheduler.known_tasks import KnownTasks
from scheduler.models import State, TaskRun
from tests.unit.admin.pages import make_job, make_run

pytestmark = pytest.mark.django_db


class Outbox:
    """An outbox that notes what it gets, and how often it is told to take what was left."""

    def __init__(self) -> None:
        self.told = 0
        self.got: list[TaskRun] = []

    def put(self, batch: list[TaskRun]) -> None:
        self.got += batch

    def take_left(self) -> None:
        self.told += 1


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def scheduler(outbox: Outbox) -> Any:
    made: Any = BlockingScheduler()
    made.state, made._known, made._outbox, made._line_at = None, KnownTasks(), outbox, -inf
    made._service = SimpleNamespace(start_once=lambda: None, passed=lambda _outbox: None)
    return made


def ahead(seconds: float) -> Any:
    return clock.now() + timedelta(seconds=seconds)


def test_the_next_pass_comes_when_a_job_is_due_or_a_run_is_to_be_published(scheduler: Any) -> None:
    assert scheduler._one_pass() == inf
    make_job("later", due=ahead(500))
    scheduler._line_at = -inf
    assert scheduler._one_pass() == pytest.approx(500, abs=5)
    make_run("later", State.RETRYING, publish_at=ahead(100))
    scheduler._line_at = -inf
    assert scheduler._one_pass() == pytest.approx(100, abs=5)


def test_a_pass_that_finds_runs_that_were_left_has_them_taken_and_comes_again_with_the_next_poll(
    scheduler: Any, outbox: Outbox
) -> None:
    make_run("a", State.PENDING, publish_at=ahead(-1))
    assert scheduler._one_pass() == inf
    assert outbox.told == 1 and outbox.got == []
    TaskRun.objects.update(publish_at=ahead(9))
    scheduler._line_at = -inf
    assert scheduler._one_pass() == pytest.approx(9, abs=5)
    assert outbox.told == 1


def test_a_due_job_that_somebody_holds_is_asked_for_again_soon_and_not_at_once(
    scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job("held", due=ahead(-1))
    monkeypatch.setattr(schedulers, "plan_due", lambda *_, **__: schedulers.Planned())
    assert scheduler._one_pass() == HELD_SECONDS


def test_a_job_that_comes_due_during_a_pass_is_not_taken_for_a_held_one(
    scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = clock.now()
    make_job("soon", due=begun + timedelta(milliseconds=5))
    moments = iter([begun, begun])
    monkeypatch.setattr(clock, "now", lambda: next(moments, begun + timedelta(milliseconds=20)))
    assert scheduler._one_pass() == 0


def test_the_line_is_looked_at_now_and_then_while_passes_follow_each_other(
    scheduler: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[Any] = []
    monkeypatch.setattr(schedulers, "release_waiting", looks.append)
    scheduler._one_pass()
    assert 0 < scheduler._one_pass() <= LINE_SECONDS and len(looks) == 1
    scheduler._line_at -= LINE_SECONDS
    assert scheduler._one_pass() == inf and len(looks) == 2


def test_what_comes_next_is_late_where_it_is(django_assert_num_queries: Any) -> None:
    now = clock.now()
    with django_assert_num_queries(1):
        assert service.look_ahead(now) == (inf, inf)
    make_job("late", due=now - timedelta(seconds=3))
    make_job("paused", due=now - timedelta(seconds=9), finished=True)
    make_run("late", State.PENDING, publish_at=now + timedelta(seconds=2))
    make_run("late", State.PENDING, publish_at=now - timedelta(seconds=5), waiting=True)
    make_run("late", State.QUEUED, publish_at=now - timedelta(seconds=7))
    assert service.look_ahead(now) == (-3.0, 2.0)
