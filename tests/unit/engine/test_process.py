"""What a scheduler process sets for itself."""

from __future__ import annotations

import signal
import sys
from types import SimpleNamespace

import pytest

from scheduler.engine import process


def test_no_thread_keeps_a_firing_from_the_interpreter_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    stub = SimpleNamespace(start=lambda: seen.append(sys.getswitchinterval()))
    monkeypatch.setattr(process, "BlockingScheduler", lambda: stub)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    before = sys.getswitchinterval()
    try:
        process.run(sync=False)
    finally:
        sys.setswitchinterval(before)
    assert seen == [pytest.approx(process.SWITCH_SECONDS)]
