"""Decides what one due job does now: a pure function of the job, the time, its policy and its live runs; engine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from ..models import CatchUp, Overlap

Next = Callable[[datetime], datetime | None]
"""The next firing strictly after an instant, or None when the schedule has finished."""

SKIP_GRACE_SECONDS = 10
"""How late the latest firing may start with catch_up='skip' where the job sets no misfire_grace_time."""
ENUMERATED = 1_000
"""Missed firings that are counted one by one; with more, only the latest are looked at: it takes milliseconds."""


class Action(Enum):
    FIRE = "fire"
    WAIT = "wait"
    SKIP = "skip"
    MISS = "miss"


@dataclass(frozen=True)
class Firing:
    """One due instant and what becomes of it."""

    scheduled_at: datetime
    action: Action
    reason: str = ""


@dataclass(frozen=True)
class Policy:
    """The job's own rules; see `ScheduledTask`."""

    max_instances: int = 1
    overlap: str = Overlap.SKIP
    misfire_grace_time: int | None = None
    catch_up: str = CatchUp.ONE


@dataclass(frozen=True)
class Live:
    """The job's live runs on all workers: those that hold a place, and those that wait in line."""

    active: int = 0
    waiting: int = 0


@dataclass(frozen=True)
class Plan:
    firings: list[Firing] = field(default_factory=list)
    next_run_time: datetime | None = None
    replace: bool = False
    """Whether the live runs are to be cancelled in favour of the newest."""


def plan(due: datetime, now: datetime, next_after: Next, policy: Policy, live: Live, *, most: int = 100) -> Plan:
    """Plan a job whose next run time has come.

    :param due: the job's next run time, at most `now`
    :param now: the instant of this pass
    :param next_after: the trigger
    :param policy: the job's rules
    :param live: its live runs
    :param most: firings that are recorded one by one (and made up for by catch_up='all')
    :return: what becomes of each due firing, earliest first, and the next run time
    """
    instants, summary = _due_instants(due, now, next_after, most)
    on_time, missed = _sort_out(instants, now, policy)
    firings = [Firing(at, Action.MISS, reason) for at, reason in missed]
    if summary:
        firings.append(summary)
    placed, replace = _place(on_time, policy, live)
    firings = sorted(firings + placed, key=lambda firing: firing.scheduled_at)
    return Plan(firings, next_after(now), replace)


def _due_instants(due: datetime, now: datetime, next_after: Next, most: int) -> tuple[list[datetime], Firing | None]:
    """Return the latest due instants, `most` at most, and one firing that stands for all those before them."""
    latest: deque[datetime] = deque([due], maxlen=most)
    at, seen = next_after(due), 1
    while at is not None and at <= now and seen < ENUMERATED:
        latest.append(at)
        seen += 1
        at = next_after(at)
    if at is not None and at <= now:
        latest, seen = deque(_latest(due, now, next_after, most), maxlen=most), ENUMERATED
    if seen <= most:
        return list(latest), None
    count = f"{seen - most}" if seen < ENUMERATED else f"More than {ENUMERATED - most}"
    reason = f"{count} firings from {due.isoformat()} on were missed: no scheduler ran"
    return list(latest), Firing(due, Action.MISS, reason)


def _latest(start: datetime, now: datetime, next_after: Next, most: int) -> list[datetime]:
    """Return the last `most` firings in [start, now], of which there are more than `ENUMERATED`.

    Looks back from `now` in growing steps; where one step back holds too many firings to count, halves it.
    """
    near, far, back = now, start - timedelta(microseconds=1), timedelta(seconds=1)
    halving = False
    while near - far > timedelta(seconds=1):
        after = far + (near - far) / 2 if halving else max(now - back, far)
        found, whole = _walk(after, now, next_after)
        if not whole:
            far, halving = after, True
        elif len(found) < most:
            near = after
            back *= 2
        else:
            return found[-most:]
    return _walk(near, now, next_after)[0]


def _walk(after: datetime, now: datetime, next_after: Next) -> tuple[list[datetime], bool]:
    """Return the firings in (after, now], up to `ENUMERATED`, and whether these are all."""
    found: list[datetime] = []
    at = next_after(after)
    while at is not None and at <= now and len(found) < ENUMERATED:
        found.append(at)
        at = next_after(at)
    return found, at is None or at > now


def _sort_out(
    instants: list[datetime], now: datetime, policy: Policy
) -> tuple[list[datetime], list[tuple[datetime, str]]]:
    """Split due instants into those that may run and those that are missed, with the reason."""
    grace = policy.misfire_grace_time
    if grace is None and policy.catch_up == CatchUp.SKIP:
        grace = SKIP_GRACE_SECONDS
    on_time: list[datetime] = []
    missed: list[tuple[datetime, str]] = []
    for at in instants:
        late = (now - at).total_seconds()
        if grace is not None and late > grace:
            missed.append((at, f"Missed: {late:.0f} s late, and it may start {grace} s late at most"))
        else:
            on_time.append(at)
    if policy.catch_up != CatchUp.ALL and len(on_time) > 1:
        reason = f"Missed: made up for by the run of {on_time[-1].isoformat()}"
        missed += [(at, reason) for at in on_time[:-1]]
        on_time = on_time[-1:]
    return on_time, missed


def _place(instants: list[datetime], policy: Policy, live: Live) -> tuple[list[Firing], bool]:
    """Give each instant a place among the live runs, or the reason why there is none.

    Firings that are made up for together wait for each other, as APScheduler runs them one after the other.
    """
    active, waiting = live.active, live.waiting
    together = len(instants) > 1
    firings: list[Firing] = []
    replace = False
    full = f"Maximum number of running instances reached ({policy.max_instances})"
    for at in instants:
        if policy.overlap == Overlap.ALLOW or active + waiting < policy.max_instances:
            firings.append(Firing(at, Action.FIRE))
            active += 1
        elif policy.overlap == Overlap.REPLACE:
            replace = True
            firings.append(Firing(at, Action.WAIT))
        elif together or (policy.overlap == Overlap.QUEUE and waiting < 1):
            firings.append(Firing(at, Action.WAIT))
            waiting += 1
        elif policy.overlap == Overlap.QUEUE:
            firings.append(Firing(at, Action.SKIP, f"{full}, and one run waits in line"))
        else:
            firings.append(Firing(at, Action.SKIP, full))
    if policy.overlap == Overlap.REPLACE and len(firings) > 1:
        newest = firings[-1].scheduled_at.isoformat()
        earlier = [Firing(f.scheduled_at, Action.SKIP, f"Replaced by the run of {newest}") for f in firings[:-1]]
        firings = [*earlier, firings[-1]]
    return firings, replace
