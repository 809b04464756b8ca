"""What the page of a job says: its schedule and next firings, its policies in plain words; web process."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..documents import queue_name
from ..exceptions import SchedulerError
from ..jobs import restore_trigger, state_of
from ..models import CatchUp, OnLost, Overlap, ScheduledTask, Source, TaskRun
from ..secrets import mask_arguments
from ..triggers import describe, timezone_of, trigger_to_data, upcoming, warnings
from .badges import badge
from .run_display import run_badge, run_length, run_why
from .text import as_json, harmless
from .times import LATE_AFTER, absolute, ago, clock, duration, time_tag

FIRINGS = 5


def job_overview(job: ScheduledTask, runs: list[tuple[TaskRun, str]] | None, now: datetime) -> dict[str, Any]:
    """Return what the template of the job page shows.

    :param runs: the last runs with the addresses of their pages, or None where the user may not see any
    """
    state = state_of(job)
    args, kwargs = mask_arguments(job.task, job.args, job.kwargs)
    return {
        "state": state,
        "badge": badge(state),
        "job_id": harmless(job.id),
        "broken_reason": "" if state == "removed" else harmless(job.broken_reason),
        **_schedule(job, state, now),
        "next_run": _next_run(job, state, now),
        "facts": _facts(job),
        "policies": _policies(job),
        "args": as_json(args) if args else "",
        "kwargs": as_json(kwargs) if kwargs else "",
        "description": harmless(job.description),
        "runs": None if runs is None else [_row(run, url, now) for run, url in runs],
        "moving": bool(runs) and any(run.is_live for run, _url in runs or ()),
    }


def _schedule(job: ScheduledTask, state: str, now: datetime) -> dict[str, Any]:
    try:
        trigger = restore_trigger(job)
        shown: dict[str, Any] = {
            "words": harmless(describe(trigger)),
            "raw": harmless(json.dumps(trigger_to_data(trigger), ensure_ascii=False)),
            "timezone": str(timezone_of(trigger)),
            "warnings": [harmless(text) for text in warnings(trigger)],
        }
        following = job.job.next_run_time
        if state == "scheduled" and following is not None:
            firings = [following, *upcoming(trigger, FIRINGS - 1, after=following, job_id=job.id)]
            zone = timezone_of(trigger)
            shown["firings"] = [
                {"there": date_format(moment.astimezone(zone), "D Y-m-d H:i:s T"), "relative": ago(moment, now)}
                for moment in firings
            ]
    except SchedulerError as error:
        return {} if state == "removed" else {"schedule_error": harmless(error)}
    return shown


def _next_run(job: ScheduledTask, state: str, now: datetime) -> str:
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


def _policies(job: ScheduledTask) -> list[tuple[str, str]]:
    """Return each policy as a question and its answer."""
    return [
        (_("If a run is still going"), _overlap(job)),
        (_("If firings were missed"), _catch_up(job)),
        (_("If its worker dies"), _on_lost(job)),
        (_("If no worker takes it"), _expiry(job)),
        (_("If it takes too long"), _limits(job)),
        (
            _("When the scheduler service starts"),
            _("It runs at once, and then as scheduled.") if job.run_at_start else _("Nothing: it waits for its time."),
        ),
    ]


def _overlap(job: ScheduledTask) -> str:
    if job.overlap == Overlap.ALLOW:
        return _("Both run, side by side, without limit.")
    live = ngettext("With %d live run", "With %d live runs", job.max_instances) % job.max_instances
    return {
        Overlap.SKIP.value: _("%s, the new firing is skipped; the skip is recorded."),
        Overlap.QUEUE.value: _("%s, one more waits in line; further firings are skipped."),
        Overlap.REPLACE.value: _("%s, the old ones are cancelled and the new one starts."),
    }[job.overlap] % live


def _catch_up(job: ScheduledTask) -> str:
    text = {
        CatchUp.ONE.value: _("Only the latest of them runs, once."),
        CatchUp.ALL.value: _("Each of them runs, oldest first."),
        CatchUp.SKIP.value: _("None of them runs; the next firing is the next in time."),
    }[job.catch_up]
    if job.misfire_grace_time is not None:
        late = _("One that is more than %s late does not run.") % duration(job.misfire_grace_time)
        return f"{text} {late}"
    return text


def _on_lost(job: ScheduledTask) -> str:
    if job.on_lost == OnLost.RETRY:
        return _("It runs again, as a new attempt.")
    return _("The run ends as lost; it is not started a second time.")


def _expiry(job: ScheduledTask) -> str:
    if job.expires is None:
        return _("It waits, however long.")
    return _("It expires after %s.") % duration(job.expires)


def _limits(job: ScheduledTask) -> str:
    parts = []
    if job.soft_time_limit is not None:
        parts.append(_("After %s the task is asked to stop.") % duration(job.soft_time_limit))
    if job.time_limit is not None:
        parts.append(_("After %s it is killed.") % duration(job.time_limit))
    return " ".join(parts) or _("It has all the time that it wants.")


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
