"""What the page of a run says: its way from due to finished, what it was given and what came of it; web process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from celery import current_app
from django.utils.html import format_html
from django.utils.translation import gettext as _

from .. import conf
from ..documents import queue_name
from ..models import State, TaskRun
from ..secrets import mask, mask_arguments
from .badges import icon
from .run_display import run_badge, run_length, run_progress
from .text import as_json, harmless
from .times import absolute, duration, elapsed, precise, relative

BEFORE_START = (State.PENDING, State.QUEUED, State.RETRYING)


def run_overview(run: TaskRun, now: datetime) -> dict[str, Any]:
    """Return what the template of the run page shows."""
    args, kwargs = mask_arguments(run.task, run.args, run.kwargs)
    return {
        "badge": run_badge(run),
        "run_id": str(run.pk),
        "steps": journey(run, now),
        "length": run_length(run, now),
        "progress": run_progress(run),
        "facts": _facts(run),
        "reason": harmless(run.reason),
        "cancelling": _cancelling(run, now),
        "args": as_json(args) if args else "",
        "kwargs": as_json(kwargs) if kwargs else "",
        "result": "" if run.result is None else as_json(mask(run.result)),
        "no_result": run.state == State.SUCCESS and run.result is None,
        "exception": harmless(run.exception),
        "traceback": harmless(run.traceback),
        "moving": run.is_live,
    }


def journey(run: TaskRun, now: datetime) -> list[dict[str, Any]]:
    """Return the steps that a run went through, with the time between each and the one before.

    The step that a live run is in counts the time since it began. Of a run that ended early, the steps that it did
    not reach are left out; of a live run they are shown as still to come.
    """
    started = None if run.state in BEFORE_START else run.started_at  # an earlier attempt's, while it waits for the next
    reached: list[tuple[str, str, datetime | None]] = [
        (_("Due"), "clock", run.scheduled_at),
        (_("Pending"), "dots", run.created_at),
        (_("Queued"), "tray", run.queued_at),
        (_("Running"), "play", started),
        (_("Finished"), "flag", run.finished_at),
    ]
    steps: list[dict[str, Any]] = []
    before: datetime | None = None
    for word, picture, moment in reached:
        if moment is None:
            if run.is_live:
                steps.append({"word": word, "icon": icon(picture), "reached": False})
            continue
        gap = None if before is None else (moment - before).total_seconds()
        day, time = precise(moment)
        steps.append(
            {
                "word": word,
                "icon": icon(picture),
                "reached": True,
                "time": time,
                "day": "" if before is not None and day == precise(before)[0] else day,
                "iso": moment.isoformat(),
                "gap": "" if gap is None else f"+{duration(gap)}" if gap >= 0 else f"−{duration(-gap)}",
            }
        )
        if started is not None and moment is run.started_at and run.attempt > 1:
            steps[-1]["note"] = _("attempt %s; the earlier ones took their time") % attempts(run)
        before = moment
    if run.is_live:
        current = [step for step in steps if step["reached"]][-1]
        since = before if before is not None and before <= now else None
        current["current"] = True
        current["so_far"] = format_html(_("for {}"), elapsed(since, now)) if since else ""
    return steps


def attempts(run: TaskRun) -> str:
    """Return which attempt a run is at, and of how many where that is known: "2 of at most 4".

    A task's own retries have the bound that it was declared with, those after a lost worker that of `MAX_ATTEMPTS`;
    with both, there is no one number.
    """
    most = None
    if run.retries and run.retries == run.attempt - 1:
        task = current_app.tasks.get(run.task)
        most = None if task is None or task.max_retries is None else task.max_retries + 1
    elif not run.retries and run.options.get("on_lost") == "retry":
        most = conf.get("MAX_ATTEMPTS")
    if run.attempt == 1 or most is None or most < run.attempt:
        return str(run.attempt)
    return _("%(attempt)d of at most %(most)d") % {"attempt": run.attempt, "most": most}


def _cancelling(run: TaskRun, now: datetime) -> str:
    if not run.is_live or run.cancel_requested_at is None:
        return ""
    asked = _("%(who)s asked it to stop %(when)s.") % {
        "who": harmless(run.cancel_requested_by) or _("Somebody"),
        "when": relative(run.cancel_requested_at, now),
    }
    return asked + " " + _("A task stops at its next progress report; otherwise its worker ends it.")


def _facts(run: TaskRun) -> list[tuple[str, str]]:
    by = _("the schedule") if run.requested_by == "schedule" else run.requested_by
    attempt = attempts(run)
    if run.retries:
        attempt = _("%(attempt)s (%(retries)d asked for by the task)") % {
            "attempt": attempt,
            "retries": run.retries,
        }
    facts = [
        (_("Task"), run.task),
        (_("Requested by"), by),
        (_("Note"), run.note),
        (_("Queue"), queue_name(run.queue)),
        (_("Worker"), run.worker + (f" · pid {run.pid}" if run.pid and run.worker else "")),
        (_("Attempt"), attempt),
        (_("Expires"), absolute(run.expires_at) if run.expires_at and run.is_live else ""),
        (_("Run and task id"), str(run.pk)),
    ]
    return [(name, harmless(value)) for name, value in facts if value]
