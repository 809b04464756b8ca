"""The chores of the engine: bounded slices, taken by one scheduler."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduler import chores, clock, retention, sweep
from scheduler.engine import tidying
from scheduler.models import Chore

pytestmark = pytest.mark.django_db


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[sweep.Place]:
    """The places that steps of a sweep were asked to go on at; there is no end of them."""
    asked: list[sweep.Place] = []

    def step(limits: sweep.Limits, place: sweep.Place) -> tuple[int, sweep.Place | None]:
        asked.append(place)
        return 0, {"step": place.get("step", 0) + 1}

    monkeypatch.setattr(tidying, "CHORES", {"endless": tidying._sweep(step)})
    return asked


def never() -> bool:
    return False


def due_in(name: str) -> float:
    return (Chore.objects.get(name=name).due_at - clock.now()).total_seconds()


def test_a_slice_ends_when_its_time_is_over_and_goes_on_soon(steps: list[sweep.Place]) -> None:
    tidying.do_chores(never)
    assert len(steps) > 3
    assert Chore.objects.get().place == {"step": len(steps)}
    assert 0 < due_in("endless") <= tidying.SOON
    before = len(steps)
    tidying.do_chores(never)
    assert len(steps) == before  # it is not due


def test_a_slice_ends_when_a_pass_begins(steps: list[sweep.Place]) -> None:
    tidying.do_chores(lambda: len(steps) == 2)
    assert steps == [{}, {"step": 1}]
    assert Chore.objects.get().place == {"step": 2}


def test_nothing_is_taken_up_while_a_pass_is_under_way(steps: list[sweep.Place]) -> None:
    tidying.do_chores(lambda: True)
    assert steps == []
    assert not Chore.objects.exists()


def test_what_another_scheduler_is_at_is_left_to_it(steps: list[sweep.Place], monkeypatch: pytest.MonkeyPatch) -> None:
    chores.take("endless")
    monkeypatch.setattr(chores, "due", lambda names: ["endless"])
    tidying.do_chores(never)
    assert steps == []


def test_all_chores_are_done_and_rest_for_long() -> None:
    tidying.do_chores(never)
    assert list(tidying.CHORES)[1:3] == [retention.LOGS, retention.RUNS]  # logs first
    assert 50 < due_in("hours") <= tidying.COUNT_SECONDS
    for name in (*retention.CHORES, "leftovers"):
        assert due_in(name) > 3_000
    assert timedelta(seconds=tidying.ROUND) < chores.FAR


def test_a_chore_that_fails_is_left_alone_for_a_while_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any) -> tuple[sweep.Place, float]:
        raise RuntimeError("broken")

    monkeypatch.setattr(tidying, "CHORES", {"broken": fail})
    with pytest.raises(RuntimeError):
        tidying.do_chores(never)
    assert 50 < due_in("broken") <= chores.LEASE.total_seconds()


def test_a_count_that_takes_long_is_done_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 10.0])
    monkeypatch.setattr(tidying.time, "monotonic", lambda: next(times))
    assert tidying._count({}, never) == ({}, 200.0)
