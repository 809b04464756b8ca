"""What the dashboard shows under its figures: the last day, what runs and failed, queues, processes; web process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from .. import overview, tallies
from ..models import ScheduledTask, TaskRun
from . import charts, nav, times
from .badges import badge
from .processes import process_state
from .run_display import run_badge, run_length, run_progress, run_why
from .text import dotted, harmless

HOURS = 24
MOST_RUNNING, MOST_FAILED, MOST_PROCESSES = 20, 8, 12


def strip(now: datetime) -> dict[str, Any]:
    """Return the outcomes of the last 24 hours, hour by hour, as a chart with its table."""
    hours = [(hour.begins_at, _by_tone(hour.counts)) for hour in tallies.last_hours(HOURS)]
    title = _("Runs of the last 24 hours, by the hour in which they were due")
    bars = [charts.Bar(_told(hour, tones), [(tone, tones[tone]) for tone in charts.OUTCOMES]) for hour, tones in hours]
    used = {tone for _hour, tones in hours for tone in tones}
    head = [_("Hour"), *(charts.OUTCOMES[tone] for tone in charts.OUTCOMES)]
    rows = [(_clock(hour), *(tones[tone] for tone in charts.OUTCOMES)) for hour, tones in reversed(hours)]
    return {
        "figure": charts.figure(
            charts.bars(title, bars, width=20, gap=4, height=96),
            charts.data_table(title, head, rows),
            charts.legend(used),
            charts.axis([_clock(hours[place][0]) for place in range(0, HOURS, HOURS // 4)]),
        ),
        "is_empty": not used,
    }


def _by_tone(states: dict[str, int]) -> Counter[str]:
    tones: Counter[str] = Counter()
    for state, count in states.items():
        tones[charts.tone_of(state)] += count
    return tones


def _told(hour: datetime, tones: Counter[str]) -> str:
    """Return what a bar says on hover."""
    parts = [f"{tones[tone]:,} {charts.OUTCOMES[tone]}" for tone in charts.OUTCOMES if tones[tone]]
    return _("%(hour)s: %(outcomes)s") % {"hour": _clock(hour), "outcomes": " · ".join(parts) or _("nothing")}


def _clock(hour: datetime) -> str:
    return date_format(timezone.localtime(hour), "H:i")


def running(request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    """Return the runs that have been running longest."""
    found = overview.longest_running(MOST_RUNNING)
    names = _names(found)
    return [
        {**_run(request, run, names), "elapsed": run_length(run, now), "progress": run_progress(run)} for run in found
    ]


def failures(request: HttpRequest, now: datetime) -> list[dict[str, Any]]:
    """Return the last runs that failed, within the last 24 hours."""
    found = list(overview.failed_since(now - timedelta(hours=HOURS))[:MOST_FAILED])
    names = _names(found)
    return [
        {
            **_run(request, run, names),
            "badge": run_badge(run),
            "why": run_why(run),
            "ago": times.ago(run.finished_at, now) if run.finished_at else "",
        }
        for run in found
    ]


def _names(runs: Iterable[TaskRun]) -> dict[str, str]:
    jobs = ScheduledTask.objects.filter(pk__in={run.job_id for run in runs}).only("pk", "name")
    return {job.pk: harmless(job) for job in jobs}


def _run(request: HttpRequest, run: TaskRun, names: dict[str, str]) -> dict[str, Any]:
    return {
        "url": nav.url_of(request, "taskrun_change", run.pk),
        "job": names.get(run.job_id) or harmless(run.job_id),
        "task": dotted(run.task),
        "worker": harmless(run.worker),
    }


def machinery(now: datetime) -> list[dict[str, Any]]:
    """Return the schedulers and workers that are alive."""
    return [
        {
            "badge": badge(process_state(process, now)),
            "name": harmless(process.name),
            "kind": process.get_kind_display(),
            "heartbeat": times.ago(process.heartbeat_at, now),
        }
        for process in overview.alive()[:MOST_PROCESSES]
    ]
