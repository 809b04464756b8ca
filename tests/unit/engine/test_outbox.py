"""The thread that publishes: warm before the first batch, whatever the broker is like then."""

from __future__ import annotations

import threading

import pytest
from kombu.exceptions import OperationalError

from scheduler.engine.outbox import Outbox
from scheduler.publishing import Publisher

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
