"""How one run looks in a cell: its badge, its length, its progress, why it ended; web process."""

from __future__ import annotations

from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..models import State, TaskRun
from .badges import badge
from .reasons import said
from .text import first_line, harmless
from .times import duration, elapsed

HEAVY = ("args", "kwargs", "options", "result", "traceback", "earlier_attempts")
"""Columns of a run that no list shows, and that may be large."""


def run_badge(run: TaskRun) -> SafeString:
    """Return the badge of a run, with the reason of its state on hover."""
    return badge(run.state, first_line(said(run.reason) or run.exception))


def run_length(run: TaskRun, now: datetime) -> SafeString | str:
    """Return how long a run took; for one that runs, what has passed so far."""
    if run.state == State.RUNNING and run.started_at is not None:
        return elapsed(run.started_at, now)
    return duration(run.duration)


def run_why(run: TaskRun) -> str:
    """Return in one line why a run ended as it did, or what it waits for; empty for one that went well."""
    if run.state == State.SUCCESS:
        return ""
    if run.waiting:
        return first_line(said(run.reason)) or _("Waits until a live run of its job ends.")
    return first_line(run.exception or said(run.reason))


def run_progress(run: TaskRun) -> SafeString | str:
    """Return a progress bar with its numbers and text, for a run that has reported any."""
    told = run.progress
    if not isinstance(told, dict):
        return ""
    current, total, text = told.get("current"), told.get("total"), harmless(told.get("text") or "")
    if not isinstance(current, int | float) or isinstance(current, bool):
        return format_html('<span class="sched-progress">{}</span>', text)
    numbers = f"{current:g}"
    if not isinstance(total, int | float) or isinstance(total, bool) or total <= 0:
        return format_html(
            '<span class="sched-progress">{}</span>', " · ".join(part for part in (numbers, text) if part)
        )
    numbers = f"{numbers} / {total:g}"
    return format_html(
        '<span class="sched-progress"><progress max="{}" value="{}" aria-label="{}"></progress> {}</span>',
        f"{total:f}",
        f"{min(max(current, 0), total):f}",
        _("progress"),
        " · ".join(part for part in (numbers, text) if part),
    )
