"""What the page of a run says: what it was given, what came of it, and its neighbours; web process."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..documents import queue_name
from ..models import State, TaskRun
from ..secrets import mask, mask_arguments
from .reasons import said
from .run_display import run_badge, run_length, run_progress
from .run_journey import attempts, earlier_attempts, journey
from .run_notes import notes
from .text import as_json, harmless
from .times import absolute, clock

RETRY_OF = re.compile(r"Retry of ([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")
"""What `runs.retry` notes with a new run."""


def run_overview(run: TaskRun, now: datetime, *, shows_arguments: bool) -> dict[str, Any]:
    """Return what the template of the run page shows.

    :param shows_arguments: whether the viewer may see what runs are given and return
    """
    return {
        "badge": run_badge(run),
        "steps": journey(run, now),
        "attempts": earlier_attempts(run, now),
        "length": run_length(run, now),
        "progress": run_progress(run),
        "notes": notes(run, now),
        "facts": _facts(run),
        "reason": "" if run.is_live else said(run.reason),
        "exception": harmless(run.exception),
        "traceback": harmless(run.traceback),
        "failed_attempt": run.attempt - 1 if run.is_live else None,
        "moving": run.is_live,
        "shows_arguments": shows_arguments,
        **(_given_and_returned(run) if shows_arguments else {}),
    }


def _given_and_returned(run: TaskRun) -> dict[str, Any]:
    args, kwargs = mask_arguments(run.task, run.args, run.kwargs)
    return {
        "args": as_json(args) if args else "",
        "kwargs": as_json(kwargs) if kwargs else "",
        "result": "" if run.result is None else as_json(mask(run.result)),
        "no_result": run.state == State.SUCCESS and run.result is None,
    }


def neighbours(run: TaskRun, now: datetime) -> dict[str, dict[str, Any] | None]:
    """Return the runs of the same job before and after this one, as far as there are any."""
    of_job = TaskRun.objects.filter(job_id=run.job_id).only(
        "pk", "job_id", "state", "scheduled_at", "reason", "exception"
    )
    before = of_job.filter(scheduled_at__lt=run.scheduled_at).order_by("-scheduled_at").first()
    after = of_job.filter(scheduled_at__gt=run.scheduled_at).order_by("scheduled_at").first()
    return {
        name: None if each is None else {"pk": each.pk, "badge": run_badge(each), "time": clock(each.scheduled_at, now)}
        for name, each in (("before", before), ("after", after))
    }


def _facts(run: TaskRun) -> list[tuple[str, str | SafeString]]:
    attempt = attempts(run)
    if run.retries:
        attempt = _("%(attempt)s (%(retries)d asked for by the task)") % {
            "attempt": attempt,
            "retries": run.retries,
        }
    facts = [
        (_("Task"), run.task),
        (_("Requested by"), {"schedule": _("the schedule"), "start": _("the start of the service")}.get(
            run.requested_by, run.requested_by
        )),
        (_("Note"), RETRY_OF.sub("", run.note).strip()),
        (_("Queue"), queue_name(run.queue)),
        (_("Worker"), run.worker + (f" · pid {run.pid}" if run.pid and run.worker else "")),
        (_("Attempt"), attempt),
        (_("Expires"), absolute(run.expires_at) if run.expires_at and run.is_live else ""),
    ]  # fmt: skip
    return [(name, harmless(value)) for name, value in facts if value]


def retry_of(run: TaskRun) -> str:
    """Return the id of the run that this one repeats; empty if it repeats none."""
    found = RETRY_OF.search(run.note)
    return found[1] if found else ""
