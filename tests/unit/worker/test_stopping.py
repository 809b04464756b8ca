"""Which tasks a prefork pool forgets when its consumer closes; tests/faults/test_workers.py has a real one end."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency import prefork, solo
from celery.worker import state as worker_state

from scheduler.worker import stopping


def job(*, written_to: bool | None, ready: bool = False) -> Any:
    """A task as billiard's pool has it; `written_to` tells whether the process that it was written to lives."""
    process = None if written_to is None else SimpleNamespace(_is_alive=lambda: written_to)
    return SimpleNamespace(ready=lambda: ready, _write_to=process)


@pytest.fixture
def cache() -> dict[str, Any]:
    return {
        "handed over": job(written_to=True),
        "not written": job(written_to=None),
        "its process died": job(written_to=False),
        "has ended": job(written_to=True, ready=True),
    }


@pytest.fixture
def pool(cache: dict[str, Any]) -> prefork.TaskPool:
    """A pool whose flush forgets them all."""
    pool = prefork.TaskPool.__new__(prefork.TaskPool)
    pool._pool, pool.flush = SimpleNamespace(_cache=cache), cache.clear
    stopping.remember_what_is_handed_over(pool)
    return pool


@pytest.mark.parametrize(("told", "kept"), [(0, {"handed over"}), (None, set()), (False, set())])
def test_told_to_end_it_remembers_what_a_living_process_has(
    pool: prefork.TaskPool, cache: dict[str, Any], told: Any, kept: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker_state, "should_stop", told)  # Celery: the exit code, 0 in a warm shutdown
    pool.flush()
    assert set(cache) == kept


def test_a_pool_of_another_kind_is_left_alone() -> None:
    pool = solo.TaskPool()
    stopping.remember_what_is_handed_over(pool)
    assert pool.flush == solo.TaskPool.flush.__get__(pool)
