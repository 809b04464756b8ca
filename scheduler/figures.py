"""How late the scheduler itself is: the figures that tell whether it keeps up; pages and commands.

`lateness()` answers with one query over the newest firings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .models import State, TaskRun

FIRINGS = 1_000
NEWEST = 3 * FIRINGS
"""Runs that are looked at for them: where hardly any run is a firing, there are fewer firings to tell of."""


@dataclass(frozen=True)
class Spread:
    """Seconds that half of them stay below, and all but one in a hundred."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Lateness:
    """How late firings are after their time."""

    firings: int
    """How many were looked at."""
    planned: Spread | None
    """Until a pass has written the run; None without firings."""
    queued: Spread | None
    """Until the broker has it, with what it waited in line for a place; first attempts only."""


def lateness() -> Lateness:
    """Return how late the newest scheduled firings were, 1,000 at most; those that were missed altogether left out."""
    newest = TaskRun.objects.order_by("-scheduled_at").values_list(
        "requested_by", "state", "attempt", "scheduled_at", "created_at", "queued_at"
    )[:NEWEST]
    firings = [row[2:] for row in newest if row[0] == "schedule" and row[1] != State.MISSED][:FIRINGS]
    planned = [(created - due).total_seconds() for _, due, created, _ in firings]
    queued = [(at - due).total_seconds() for attempt, due, _, at in firings if at is not None and attempt == 1]
    return Lateness(len(firings), _spread(planned), _spread(queued))


def _spread(seconds: Sequence[float]) -> Spread | None:
    """Return the percentiles by nearest rank: values that there have been."""
    if not seconds:
        return None
    ordered = sorted(max(each, 0.0) for each in seconds)

    def rank(percent: int) -> float:
        return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]

    return Spread(rank(50), rank(99))
