"""The upkeep's thread: it ends in time, outlives errors, and lets passes go first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from django.db import OperationalError

from scheduler.engine import upkeep
from scheduler.engine.upkeep import Upkeep
from tests.waiting import stays_true, wait_for


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Callable[[], bool]]]:
    """The questions that slices were given to ask: whether it is enough. The database is not asked for anything."""
    slices: list[Callable[[], bool]] = []
    monkeypatch.setattr(upkeep, "do_chores", slices.append)
    monkeypatch.setattr(upkeep, "carry_out", lambda enough, publish: False)
    monkeypatch.setattr(upkeep, "LOOK", 0.01)
    monkeypatch.setattr(upkeep, "AFTER_ERROR", 0.01)
    monkeypatch.setattr(upkeep.reach, "limited", lambda connection: threading.Lock())
    yield slices


@pytest.fixture
def thread(work: list[Callable[[], bool]]) -> Iterator[Upkeep]:
    thread = Upkeep(lambda new: None)
    yield thread
    thread.stop()
    thread._thread.join(5)
    assert not thread._thread.is_alive()


def test_work_is_looked_for_again_and_again(thread: Upkeep, work: list[Callable[[], bool]]) -> None:
    thread.start()
    wait_for(lambda: len(work) > 3)


@pytest.mark.parametrize("error", [OperationalError("away"), RuntimeError("broken")])
def test_an_error_ends_a_slice_and_not_the_thread(
    thread: Upkeep, work: list[Callable[[], bool]], monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(enough: Callable[[], bool]) -> None:
        work.append(enough)
        raise error

    monkeypatch.setattr(upkeep, "do_chores", fail)
    thread.start()
    wait_for(lambda: len(work) > 3)


def test_nothing_is_begun_during_a_pass(
    thread: Upkeep, work: list[Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "PATIENCE", 60)
    with thread.held_off():
        thread.start()
        stays_true(lambda: not work, seconds=0.1, every=0.01)
    wait_for(lambda: work)


def test_what_is_under_way_ends_when_a_pass_begins(thread: Upkeep, work: list[Callable[[], bool]]) -> None:
    thread._slice(idle=True)
    [enough] = work
    assert not enough()
    with thread.held_off():
        assert enough()
    thread.start()


def test_passes_without_a_break_do_not_starve_it(
    thread: Upkeep, work: list[Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "PATIENCE", 0.01)
    with thread.held_off():
        thread.start()
        first = wait_for(lambda: work and work[0])
        assert not first()


def test_a_slice_ends_when_the_scheduler_does_and_when_its_time_is_over(
    thread: Upkeep, work: list[Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "SLICE_SECONDS", 60)
    thread._slice(idle=True)
    thread._stopping.set()
    assert work[0]()
    thread._stopping.clear()
    monkeypatch.setattr(upkeep, "SLICE_SECONDS", 0)
    thread._slice(idle=True)
    assert work[1]()
    thread.start()


def test_what_has_more_to_do_goes_on_at_once(
    thread: Upkeep, work: list[Callable[[], bool]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "LOOK", 0.2)
    left = [True, True, True, False]
    monkeypatch.setattr(upkeep, "carry_out", lambda enough, publish: left.pop(0))
    assert [thread._slice(idle=True) for _ in range(4)] == [upkeep.BREATH] * 3 + [upkeep.LOOK]
    assert len(work) == 4  # chores have their turn all the same
    monkeypatch.setattr(upkeep, "carry_out", lambda enough, publish: False)
    thread.start()
