"""What waits in each queue, who listens on it, and what schedulers have told of the broker; web process and engine.

The broker itself is never asked here: schedulers note what it holds with their heartbeats (engine/sounding.py).
"""

from __future__ import annotations

import shlex
import sys
from collections import Counter, defaultdict
from collections.abc import Container
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from celery import current_app
from django.conf import settings
from django.db.models import Count, Exists, Min, Q
from django_apscheduler.models import DjangoJob

from . import processes
from .models import ScheduledTask, ServiceProcess, State, TaskRun
from .publishing import queue_name

MOST_DESERTED = 50
"""Queues without a worker that are looked after at most."""


@dataclass
class Queue:
    """A queue that runs wait in, workers listen on, or jobs use."""

    name: str
    queued: int = 0
    """Runs that were handed to the broker and that no worker has started."""
    oldest_at: datetime | None = None
    """When the one of them that waits longest was handed over."""
    unsent: int = 0
    """Runs not yet handed over; those that wait in line for another run of their job are not counted."""
    listeners: int = 0
    """Workers that are alive."""
    in_broker: int | None = None
    """Messages that the broker held when a scheduler looked last; None where that is not known."""
    is_deserted: bool = False
    """Whether runs or jobs need it and nobody listens."""


@dataclass
class Sounding:
    """What the schedulers that are alive have told of the broker."""

    depths: dict[str, int] = field(default_factory=dict)
    away: list[tuple[str, datetime]] = field(default_factory=list)
    """Schedulers that can't reach it, and since when."""


def all_queues() -> list[Queue]:
    """Return every queue that runs wait in, workers listen on or jobs use; deserted ones first."""
    found, listeners, depths = waiting(), listening(), sounding().depths
    for name in {*listeners, *(deserted := deserted_by(listeners))}:
        found.setdefault(name, Queue(name))
    for queue in found.values():
        queue.listeners, queue.in_broker = listeners[queue.name], depths.get(queue.name)
        queue.is_deserted = queue.name in deserted or (not queue.listeners and queue.queued + queue.unsent > 0)
    return sorted(found.values(), key=lambda queue: (not queue.is_deserted, queue.name))


def waiting() -> dict[str, Queue]:
    """Return the queues that runs wait in, by name; one query over the live runs, by queue and task."""
    rows = (
        TaskRun.objects.filter(state__in=(State.PENDING, State.QUEUED), waiting=False)
        .order_by()
        .values("queue", "task", "state")
        .annotate(count=Count("pk"), oldest_at=Min("queued_at"))
    )
    found: dict[str, Queue] = {}
    for row in rows:
        name = queue_name(row["queue"], row["task"])
        queue = found.setdefault(name, Queue(name))
        if row["state"] == State.QUEUED:
            queue.queued += row["count"]
            queue.oldest_at = min(filter(None, (queue.oldest_at, row["oldest_at"])), default=None)
        else:
            queue.unsent += row["count"]
    return found


def listening() -> Counter[str]:
    """Return how many workers that are alive listen on each queue."""
    workers = processes.alive(ServiceProcess.Kind.WORKER).values_list("queues", flat=True)
    return Counter(str(name) for names in workers if isinstance(names, list) for name in names)


def deserted_by(listeners: Container[str]) -> set[str]:
    """Return the queues that jobs which will fire use and that are not among `listeners`.

    Two queries at most: one for the names, and one that looks for the first such job of each queue without listeners.
    """
    jobs = ScheduledTask.objects.filter(removed_at=None, paused_at=None).order_by()
    users: defaultdict[str, Q] = defaultdict(Q)
    for queue, task in jobs.values_list("queue", "task").distinct():
        if (name := queue_name(queue, task)) not in listeners:
            users[name] |= Q(queue=queue) if queue else Q(queue="", task=task)
    if not users:
        return set()
    names, scheduled = sorted(users)[:MOST_DESERTED], jobs.filter(job__next_run_time__isnull=False)
    any_of = {f"any_of_{number}": Exists(scheduled.filter(users[name])) for number, name in enumerate(names)}
    found = DjangoJob.objects.order_by().annotate(**any_of).values_list(*any_of)[:1]
    return {name for row in found for name, is_used in zip(names, row, strict=True) if is_used}


def worker_command(queue: str = "") -> str:
    """Return the command that starts a worker, for a queue or the default one, to be typed as it stands."""
    return f"celery -A {_app_package()} worker" + (f" -Q {shlex.quote(queue)}" if queue else "")


def _app_package() -> str:
    """Return what `celery -A` takes: the package whose `celery` module made the app, as far as that can be told."""
    root = str(getattr(settings, "SETTINGS_MODULE", None) or "").partition(".")[0]
    named = [name for name in (root, current_app.main) if name]
    made_here = [name for name in named if f"{name}.celery" in sys.modules]
    return [*made_here, *named, "project"][0]


def sounding() -> Sounding:
    """Return what the schedulers that are alive have told of the broker; of depths, the newest word counts."""
    found = Sounding()
    schedulers = processes.alive(ServiceProcess.Kind.SCHEDULER).order_by("heartbeat_at")
    for name, info in schedulers.values_list("name", "info"):
        told: Any = info.get("broker") if isinstance(info, dict) else None
        if not isinstance(told, dict):
            continue
        if isinstance(told.get("depths"), dict):
            found.depths = told["depths"]
        if isinstance(told.get("away_since"), str):
            found.away.append((name, datetime.fromisoformat(told["away_since"])))
    return found
