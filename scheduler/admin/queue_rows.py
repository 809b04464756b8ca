"""The queues as a table: how many runs wait in each, since when, and who listens; web process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest

from .. import queues
from . import nav, times
from .caching import remembered
from .text import harmless

SECONDS = 5.0


def queue_rows(request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    """Return the queues, as far as the user may see runs and processes; none where he may see neither."""
    sees_runs, sees_processes = nav.may_view(request, "taskrun"), nav.may_view(request, "serviceprocess")
    if not (sees_runs or sees_processes):
        return []
    found: list[queues.Queue] = remembered(SECONDS, queues.all_queues, "queues")
    runs_url = nav.url_of(request, "taskrun_changelist") + "?state=queued"
    return [
        {
            "name": harmless(queue.name),
            "sees_runs": sees_runs,
            "queued": queue.queued,
            "unsent": queue.unsent,
            "oldest": times.ago(queue.oldest_at, now) if queue.oldest_at else "",
            "url": runs_url if sees_runs and queue.queued else "",
            "sees_processes": sees_processes,
            "listeners": queue.listeners,
            "in_broker": queue.in_broker,
            "is_deserted": sees_processes and queue.is_deserted,
            "command": harmless(queues.worker_command(queue.name)),
        }
        for queue in found
        if sees_processes or queue.queued or queue.unsent
    ]
