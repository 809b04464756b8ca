"""What schedulers do now and then, sharing it: delete what is past retention, count the hours; engine.

Each chore does a slice of its work and says when it wants to go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .. import chores, clock, retention, sweep, tallies

SLICE_SECONDS = 0.05
SOON = 1.0
"""Seconds between two slices of a sweep that has more to do."""
ROUND = 3_600.0
"""Seconds from the end of a sweep to its next beginning."""
COUNT_SECONDS = 60.0
"""Seconds between two counts of the hours, …"""
COUNT_SHARE = 20
"""… or so many times what a count takes, if that is more."""
Enough = Callable[[], bool]
"""Asked between steps: true when there is no more time for them now."""
Answer = tuple[sweep.Place, float]
"""Where a chore goes on, and after how many seconds."""


def do_chores(enough: Enough) -> None:
    """Do a slice of each chore that is due and that no other scheduler is at."""
    for name in chores.due(tuple(CHORES)):
        if enough():
            break
        chore = chores.take(name)
        if chore is not None:
            place, pause = CHORES[name](chore.place, enough)
            chores.put_back(chore, place, pause=pause)


def _sweep(step: Callable[[sweep.Limits, sweep.Place], tuple[int, sweep.Place | None]]) -> Callable[..., Answer]:
    def do(place: sweep.Place, enough: Enough) -> Answer:
        limits = sweep.Limits(retention.rules(), clock.now())
        until = time.monotonic() + SLICE_SECONDS
        place = {} if "ended" in place else place
        deleted = place.get("deleted", 0)
        while time.monotonic() < until and not enough():
            count, following = step(limits, place)
            deleted += count
            if following is None:
                return {"ended": clock.now().isoformat(), "deleted": deleted}, ROUND
            place = {**following, "deleted": deleted} if deleted else following
        return place, SOON

    return do


def _leftovers(place: sweep.Place, enough: Enough) -> Answer:
    sweep.leftovers(retention.rules()[retention.OTHERS].days, clock.now())
    return {}, ROUND


def _count(place: sweep.Place, enough: Enough) -> Answer:
    started = time.monotonic()
    tallies.count(clock.now())
    return {}, max(COUNT_SECONDS, COUNT_SHARE * (time.monotonic() - started))


CHORES: dict[str, Callable[[sweep.Place, Enough], Answer]] = {
    "hours": _count,
    retention.LOGS: _sweep(sweep.logs),
    retention.RUNS: _sweep(sweep.runs),
    "leftovers": _leftovers,
}
