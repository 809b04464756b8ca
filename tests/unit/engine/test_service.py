"""What a scheduler makes of processes that it hears nothing of."""

from __future__ import annotations

import time

import pytest

from scheduler import conf
from scheduler.engine import service as module
from scheduler.engine.outbox import Outbox
from scheduler.engine.service import Service
from scheduler.models import ServiceProcess
from tests.unit.admin.pages import make_process

pytestmark = pytest.mark.django_db


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    """A scheduler that has passed once a second for long enough to call others dead, and its next pass is due."""
    began, lived = time.monotonic(), conf.get("LOST_AFTER") + 1
    service = Service()
    service._started = True
    monkeypatch.setattr(service, "_ask_broker", lambda: None)
    service._passed_at = began + lived - 1
    monkeypatch.setattr(module.time, "monotonic", lambda: began + lived)
    return service


def silent_worker_lives() -> bool:
    return ServiceProcess.objects.get(name="silent").stopped_at is None


@pytest.mark.parametrize("interrupted", [True, False])
def test_silence_proves_nothing_after_the_database_was_away(service: Service, interrupted: bool) -> None:
    make_process("silent", silent=conf.get("LOST_AFTER") + 30)
    if interrupted:
        service.interrupted()
    service.passed(Outbox())
    assert silent_worker_lives() is interrupted


def test_silence_proves_nothing_to_a_scheduler_that_was_held_up_itself(service: Service) -> None:
    make_process("silent", silent=conf.get("LOST_AFTER") + 30)
    service._passed_at -= conf.get("LOST_AFTER") / 2
    service.passed(Outbox())
    assert silent_worker_lives()
