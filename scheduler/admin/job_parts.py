"""The parts of a job's page that are text: overview, runs and upcoming firings; web process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from ..documents import queue_name
from ..exceptions import SchedulerError
from ..lookup import state_of
from ..models import LIVE, ScheduledTask, Source, TaskRun
from ..secrets import mask_arguments
from ..triggers import upcoming as firings_after
from .history import history
from .job_asked import Asked
from .job_policies import policies
from .job_runs import Figures, figures, newest_runs
from .run_display import HEAVY, run_badge, run_length, run_why
from .run_strip import percent, strip
from .text import as_json, harmless
from .times import LATE_AFTER, absolute, ago, clock, duration, time_tag

FIRINGS, RUNS = 5, 5
"""Of the overview."""
MORE_FIRINGS, MORE_RUNS = 20, 50
"""Of the parts that show nothing else."""
COUNTED = 100
"""Runs from which the figures are counted."""


def overview(asked: Asked) -> dict[str, Any]:
    """Return the schedule with the next firings, what the job does and how, its last runs and changes."""
    job, state = asked.job, state_of(asked.job)
    args, kwargs = mask_arguments(job.task, job.args, job.kwargs)
    shows = {"args": args, "kwargs": kwargs} if asked.sees_arguments else {}
    return {
        "words": asked.schedule.words,
        "raw": asked.schedule.raw,
        "timezone": str(asked.schedule.zone or ""),
        "firings": _firings(asked, FIRINGS),
        "next_run": _next_run(job, state, asked.now),
        "facts": _facts(job),
        "policies": policies(job),
        "retention_url": asked.retention_url,
        "sees_arguments": asked.sees_arguments,
        **{name: as_json(value) if value else "" for name, value in shows.items()},
        **(_runs(asked, RUNS) if asked.sees_runs else {"runs": None}),
        "changes": history(job.pk, asked.now, with_arguments=asked.sees_arguments),
    }


def runs(asked: Asked) -> dict[str, Any]:
    """Return the last runs, with their figures."""
    return _runs(asked, MORE_RUNS)


def upcoming(asked: Asked) -> dict[str, Any]:
    """Return the next firings, and why there are none where there are none."""
    state = state_of(asked.job)
    return {
        "firings": _firings(asked, MORE_FIRINGS),
        "timezone": str(asked.schedule.zone or ""),
        "next_run": _next_run(asked.job, state, asked.now),
    }


def _runs(asked: Asked, count: int) -> dict[str, Any]:
    counted = newest_runs([asked.job.id], COUNTED)[asked.job.id]
    rows = TaskRun.objects.filter(job_id=asked.job.id).order_by("-scheduled_at").defer(*HEAVY)[:count]
    return {
        "runs": [_row(run, asked.url_of_run(run.pk), asked.now) for run in rows],
        "chart": strip(counted, asked.now) if counted else "",
        "figures": _figures(figures(counted)),
        "counted": len(counted),
        "moving": any(run.state in LIVE for run in counted),
    }


def _row(run: TaskRun, url: str, now: datetime) -> dict[str, Any]:
    return {
        "url": url,
        "badge": run_badge(run),
        "scheduled": time_tag(run.scheduled_at, clock(run.scheduled_at, now)),
        "ago": ago(run.scheduled_at, now),
        "length": run_length(run, now),
        "worker": harmless(run.worker),
        "by": "" if run.requested_by == "schedule" else harmless(run.requested_by),
        "why": run_why(run),
    }


def _figures(told: Figures) -> list[tuple[str, str, str]]:
    """Return the name of each figure, its value, and what it says."""
    found = []
    if told.success is not None:
        said = _("%(succeeded)d of %(ended)d ended well") % {"succeeded": told.succeeded, "ended": told.ended}
        found.append((_("Success"), percent(told.success), said))
    if told.p50 is not None:
        found.append((_("Duration p50"), duration(told.p50), _("half took this long at most")))
        found.append((_("Duration p95"), duration(told.p95), _("95 of 100 took this long at most")))
    if told.late_p50 is not None:
        said = _("95 of 100 started %s late at most") % duration(told.late_p95)
        found.append((_("Late by p50"), duration(told.late_p50), said))
    return found


def _firings(asked: Asked, count: int) -> list[dict[str, Any]]:
    following, trigger, zone = asked.job.job.next_run_time, asked.schedule.trigger, asked.schedule.zone
    if state_of(asked.job) != "scheduled" or following is None or trigger is None:
        return []
    try:
        later = firings_after(trigger, count - 1, after=following, job_id=asked.job.id)
    except SchedulerError:  # the engine will set it aside, and say why
        later = []
    return [
        {
            "there": date_format(moment.astimezone(zone), "D Y-m-d H:i:s T"),
            "here": date_format(timezone.localtime(moment), "D Y-m-d H:i:s T"),
            "relative": ago(moment, asked.now),
        }
        for moment in (following, *later)
    ]


def _next_run(job: ScheduledTask, state: str, now: datetime) -> SafeString | str:
    moment = job.job.next_run_time
    if state == "scheduled" and moment is not None:
        if (now - moment).total_seconds() > LATE_AFTER:
            return format_html(_("It is late: it was due {}."), ago(moment, now))
        return format_html("{} · {}", ago(moment, now), absolute(moment))
    return {
        "paused": _("None while it is paused."),
        "finished": _("None: its schedule has no more firings."),
        "broken": _("None until its fault is mended; it then goes on by itself."),
        "removed": _("None: it was removed."),
    }.get(state, _("None."))


def _facts(job: ScheduledTask) -> list[tuple[str, str]]:
    tags = job.tags if isinstance(job.tags, list) else []
    from_code = job.source == Source.CODE
    origin = _("declared with @scheduled_job") if from_code else _("added at run time")
    facts = [
        (_("Task"), job.task),
        (_("Queue"), queue_name(job.queue)),
        (_("Priority"), "" if job.priority is None else str(job.priority)),
        (_("Source"), f"{job.get_source_display()} ({origin})"),
        (_("Owner"), job.owner),
        (_("Tags"), ", ".join(str(tag) for tag in tags)),
        (_("Added"), absolute(job.created_at)),
        (_("Changed"), absolute(job.updated_at)),
        (_("Paused"), absolute(job.paused_at) if job.paused_at else ""),
        (_("Removed"), absolute(job.removed_at) if job.removed_at else ""),
    ]
    return [(name, harmless(value)) for name, value in facts if value]
