"""What schedulers share the doing of: a chore is taken by one of them, and the next goes on where it stopped; engine.

One UPDATE takes a chore, for `LEASE` at most: one that a killed scheduler had taken is taken again after that.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from . import clock
from .models import Chore

LEASE = timedelta(seconds=60)
FAR = timedelta(hours=3)
"""No chore is put off for so long; one that is was put off by a host whose clock was ahead."""


@dataclass(frozen=True)
class Taken:
    """A chore that this process is at."""

    name: str
    place: dict[str, Any]
    """Where it goes on; empty at its beginning."""
    until: datetime


def due(names: tuple[str, ...]) -> list[str]:
    """Return which chores are due, in the order of `names`. One that was never done is."""
    now = clock.now()
    planned = dict(Chore.objects.filter(name__in=names).values_list("name", "due_at"))
    return [name for name in names if name not in planned or not now < planned[name] < now + FAR]


def take(name: str) -> Taken | None:
    """Take a chore that is due; None where another scheduler is at it."""
    now = clock.now()
    until = now + LEASE
    mine = Chore.objects.filter(Q(due_at__lte=now) | Q(due_at__gte=now + FAR), name=name)
    if not mine.update(due_at=until):
        Chore.objects.bulk_create([Chore(name=name, due_at=now)], ignore_conflicts=True)
        if not mine.update(due_at=until):
            return None
    return Taken(name, Chore.objects.values_list("place", flat=True).get(name=name), until)


def put_back(chore: Taken, place: dict[str, Any], *, pause: float) -> None:
    """Put a chore back, to go on at `place` after `pause` seconds, unless somebody has hurried it meanwhile."""
    mine = Chore.objects.filter(name=chore.name, due_at=chore.until)
    mine.update(due_at=clock.now() + timedelta(seconds=pause), place=place)


def hurry(*names: str) -> None:
    """Have chores done anew soon, from their beginning: what they go by has changed."""
    Chore.objects.filter(name__in=names).update(due_at=clock.now(), place={})
