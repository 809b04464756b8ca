"""The soft time limit is for the body: it must not tear a claim or an outcome apart."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.app.trace import trace_ok_t

from scheduler.known_tasks import registered_tasks
from scheduler.worker import reporting, tracking


class Limit(Exception):
    """What Celery's handler of the signal raises."""


@pytest.fixture
def soft_limit() -> Iterator[None]:
    """A pool process's handler of the signal."""

    def raise_it(*_: Any) -> None:
        raise Limit

    before = signal.signal(signal.SIGUSR1, raise_it)
    yield
    signal.signal(signal.SIGUSR1, before)


def send_the_limit() -> None:
    os.kill(os.getpid(), signal.SIGUSR1)


@pytest.mark.usefixtures("soft_limit")
def test_a_soft_limit_in_claim_and_outcome_is_held_off_and_one_in_the_body_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ended: list[str] = []

    def begin(*_: Any) -> Any:
        send_the_limit()
        claim, log = SimpleNamespace(args=[], kwargs={}), SimpleNamespace()
        return SimpleNamespace(claim=claim, log=log, may_hand_over=False, untold=None)

    def body(*_: Any) -> trace_ok_t:
        with pytest.raises(Limit):
            send_the_limit()
        return trace_ok_t("done", None, 0.0, "'done'")

    def report(*_: Any) -> None:
        send_the_limit()
        ended.append("told")

    monkeypatch.setattr(reporting, "begin", begin)
    monkeypatch.setattr(reporting, "leave", lambda attempt: None)
    monkeypatch.setattr(tracking, "_report", report)
    trace = tracking._tracked(registered_tasks()["tasks.print_time"], body)
    assert trace("id", [], {}, {tracking.HEADER: 1}).retval == "done"
    assert ended == ["told"]
