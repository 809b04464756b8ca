"""Chores, which several schedulers share."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduler import chores, clock
from scheduler.models import Chore

pytestmark = pytest.mark.django_db


@pytest.fixture
def time(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A clock that a test sets forward."""
    start, passed = clock.now(), [0.0]
    monkeypatch.setattr(clock, "now", lambda: start + timedelta(seconds=passed[0]))

    def forward(seconds: float) -> None:
        passed[0] += seconds

    return forward


def test_a_chore_that_was_never_done_is_due() -> None:
    assert chores.due(("b", "a")) == ["b", "a"]


def test_one_scheduler_takes_a_chore_and_another_does_not() -> None:
    taken = chores.take("a")
    assert taken is not None and taken.place == {}
    assert chores.due(("a", "b")) == ["b"]
    assert chores.take("a") is None


def test_a_chore_goes_on_where_it_was_put_back_when_its_pause_is_over(time: Any) -> None:
    taken = chores.take("a")
    assert taken is not None
    chores.put_back(taken, {"id": 7}, pause=10)
    time(9)
    assert chores.take("a") is None
    time(1)
    again = chores.take("a")
    assert again is not None and again.place == {"id": 7}


def test_what_a_killed_scheduler_had_taken_is_taken_again_where_it_was(time: Any) -> None:
    taken = chores.take("a")
    assert taken is not None
    chores.put_back(taken, {"id": 7}, pause=0)
    assert chores.take("a") is not None
    time(chores.LEASE.total_seconds())
    again = chores.take("a")
    assert again is not None and again.place == {"id": 7}


def test_one_who_was_held_up_past_his_lease_does_not_put_back_what_is_anothers(time: Any) -> None:
    slow = chores.take("a")
    time(chores.LEASE.total_seconds() + 1)
    assert slow is not None and chores.take("a") is not None
    chores.put_back(slow, {"id": 1}, pause=0)
    assert Chore.objects.get().place == {}
    assert chores.take("a") is None


def test_a_clock_that_was_ahead_puts_no_chore_off_for_long(time: Any) -> None:
    time(86_400)
    ahead = chores.take("a")
    assert ahead is not None
    chores.put_back(ahead, {"id": 7}, pause=10)
    time(-86_400)
    assert chores.due(("a",)) == ["a"]
    assert chores.take("a") is not None


def test_a_hurried_chore_begins_anew() -> None:
    taken = chores.take("a")
    assert taken is not None
    chores.put_back(taken, {"id": 7}, pause=3_600)
    chores.hurry("a")
    again = chores.take("a")
    assert again is not None and again.place == {}
