"""The page of a job: its head, its parts as plain links, and what each part says; web process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from ..lookup import state_of
from ..triggers import warnings
from . import job_charts, job_parts
from .badges import badge
from .job_asked import Asked
from .reasons import said
from .text import harmless


@dataclass(frozen=True)
class Part:
    """One part of the page."""

    title: str | Promise
    content: Callable[[Asked], dict[str, Any]]
    is_live: bool = False
    """Whether an open page keeps it fresh; the others stand still until the page is loaded again."""
    needs_runs: bool = True
    """Whether only they see it who may see runs."""


PARTS = {
    "overview": Part(_("Overview"), job_parts.overview, is_live=True, needs_runs=False),
    "runs": Part(_("Runs"), job_parts.runs, is_live=True),
    "timeline": Part(_("Timeline"), job_charts.timeline),
    "upcoming": Part(_("Upcoming"), job_parts.upcoming, needs_runs=False),
    "durations": Part(_("Durations"), job_charts.durations),
    "calendar": Part(_("Calendar"), job_charts.outcomes),
}


def job_page(asked: Asked, name: str, *, is_refresh: bool) -> dict[str, Any]:
    """Return what the templates of the page show.

    :param name: of the part that is asked for; any other gives the overview
    :param is_refresh: whether an open page asks, which shows no more than what is live
    """
    parts = {name: part for name, part in PARTS.items() if asked.sees_runs or not part.needs_runs}
    name = name if name in parts else "overview"
    part = parts[name]
    state = state_of(asked.job)
    trigger = asked.schedule.trigger
    return {
        "state": state,
        "badge": badge(state),
        "job_id": harmless(asked.job.id),
        "description": harmless(asked.job.description),
        "broken_reason": "" if state == "removed" else said(asked.job.broken_reason),
        "schedule_error": "" if state == "removed" else asked.schedule.error,
        "warnings": [harmless(text) for text in warnings(trigger)] if trigger is not None else [],
        "parts": [(each.title, f"?tab={key}", key == name) for key, each in parts.items()],
        "part_template": f"admin/scheduler/scheduledtask/part_{name}.html",
        "part_is_live": part.is_live,
        **(part.content(asked) if part.is_live or not is_refresh else {}),
    }
