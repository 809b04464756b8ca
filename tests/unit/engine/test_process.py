"""What a scheduler process sets for itself."""

from __future__ import annotations

import gc
import signal
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest

from scheduler.engine import process


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Callable[[], float]], float]]:
    """Return a function that runs a scheduler process, and returns what it is told when the scheduler starts."""

    def start(ask: Callable[[], float]) -> float:
        seen: list[float] = []
        stub = SimpleNamespace(start=lambda: seen.append(ask()))
        monkeypatch.setattr(process, "BlockingScheduler", lambda: stub)
        process.run(sync=False)
        return seen[0]

    monkeypatch.setattr(signal, "signal", lambda *_: None)
    before = sys.getswitchinterval()
    yield start
    sys.setswitchinterval(before)
    gc.unfreeze()


def test_no_thread_keeps_a_firing_from_the_interpreter_for_long(started: Callable[..., float]) -> None:
    assert started(sys.getswitchinterval) == pytest.approx(process.SWITCH_SECONDS)


def test_no_firing_waits_for_a_collection_of_what_is_loaded(started: Callable[..., float]) -> None:
    assert started(lambda: gc.get_freeze_count() - len(gc.get_objects())) > 50_000
