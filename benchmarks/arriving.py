"""Watches messages arrive from the moment that jobs come due."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from benchmarks import cpu
from benchmarks.measuring import Measures
from benchmarks.servers import Where
from scheduler import clock
from tests.programs import Program

LONGEST = 900.0
GIVEN_UP = "given up at (%)"


def until_sent(
    where: Where, queue: str, jobs: int, due: datetime, started: list[Program], *, patience: float | None = None
) -> Measures:
    """Watch a queue of the broker fill, as `measured` does."""
    with where.valkey.client() as client:
        lists = [queue, *(f"{queue}\x06\x16{step}" for step in (3, 6, 9))]  # one for each step of priority
        return measured(where, lambda: sum(int(client.llen(name)) for name in lists), jobs, due, started, patience)


def measured(
    where: Where,
    count: Callable[[], int],
    jobs: int,
    due: datetime,
    started: list[Program],
    patience: float | None = None,
) -> Measures:
    """Watch the messages arrive from `due` on: seconds until the last, lateness of the median, CPU per 1,000.

    :param patience: seconds after which a peer is given up; its seconds are those it had until then, and the share that
        it has sent is told
    """
    early = (due - clock.now()).total_seconds()
    assert early > 0, "the program was not up in time: wait longer before the jobs are due"
    time.sleep(max(0.0, early - 0.05))
    pids = [*(program.pid for program in started), *where.servers]
    assert count() == 0, "jobs fired before they were due"
    before, half = cpu.spent(pids), None
    deadline = time.monotonic() + (patience or LONGEST)
    while (sent := count()) < jobs:
        if half is None and sent >= jobs / 2:
            half = since(due)
        if time.monotonic() > deadline:
            assert patience is not None, f"only {sent} of {jobs}: {started[0].output[-2000:]}"
            break
        assert all(program.is_running for program in started), started[0].output[-2000:]
        time.sleep(0.01)
    seconds = since(due)
    spent = cpu.spent(pids) - before
    done = {"seconds": seconds, "half": half or seconds, "cpu": spent / max(sent, 1) * 1000}
    return done if sent >= jobs else {**done, GIVEN_UP: sent / jobs * 100}


def since(due: datetime) -> float:
    return (clock.now() - due).total_seconds()


def given_up(found: dict[str, dict[str, list[float]]]) -> list[str]:
    """Return a note for each system that was given up, from its measures of all rounds."""
    return [
        f"{name} was given up in {len(shares)} of {len(measures['seconds'])} rounds, after"
        f" {max(measures['seconds']):.0f} s with {max(shares):.0f} % of the messages sent: it takes longer than told"
        for name, measures in found.items()
        if (shares := measures.get(GIVEN_UP, []))
    ]
