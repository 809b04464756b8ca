"""The parts of a job's page that are charts: its timeline, its durations, and a calendar of outcomes; web process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from django.db.models import Count
from django.db.models.functions import TruncDate
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.translation import gettext as _

from ..models import FAILED, State, TaskRun
from . import timeline as drawing
from .badges import badge
from .charts import OUTCOMES, Day, calendar, data_table, figure, legend, tone_of
from .job_asked import Asked
from .job_runs import PastRun, newest_runs, percentile
from .times import absolute, clock, duration, time_tag

TIMELINE = 100
DURATIONS = 300
ROLLING = 30
"""Runs before and with each one, over which its p50 and p95 are taken."""
CALENDAR = 50_000
WEEKS, LEAST_WEEKS = 53, 26
"""How many weeks the calendar goes back, and how many it shows where a job is younger."""


def timeline(asked: Asked) -> dict[str, Any]:
    """Return the newest runs along a time axis."""
    found = drawing.spans(newest_runs([asked.job.id], TIMELINE)[asked.job.id], asked.now)
    if not found:
        return {}
    title = _("The last %d runs along the time that they took") % len(found)
    rows = []
    for span in reversed(found):
        run, url = span.run, asked.url_of_run(span.run.id)
        waited = "" if run.started_at is None else duration((run.started_at - run.scheduled_at).total_seconds())
        link = format_html('<a href="{}">{}</a>', url, time_tag(run.scheduled_at, clock(run.scheduled_at, asked.now)))
        met = sum(other is not span and _meet(span, other) for other in found)
        rows.append((link, badge(run.state), waited or "–", duration(run.duration) or "–", met or "–"))
    head = (_("Scheduled"), _("State"), _("Waited"), _("Took"), _("Overlaps with"))
    tones = {tone_of(span.run.state) for span in found} | {"wait"}
    chart = drawing.draw(title, found, asked.url_of_run)
    return {
        "figure": figure(chart, data_table(title, head, rows), legend(tones)),
        "count": len(found),
        "overlaps": any(span.lane for span in found),
    }


def _meet(one: drawing.Span, other: drawing.Span) -> bool:
    return one.start < other.end and other.start < one.end


def durations(asked: Asked) -> dict[str, Any]:
    """Return how long each of the newest runs took, and what half and 95 of 100 took at most, as it was then."""
    runs = [run for run in newest_runs([asked.job.id], DURATIONS)[asked.job.id] if run.duration is not None]
    runs = [run for run in reversed(runs) if run.state == State.SUCCESS or run.state in FAILED]
    if not runs:
        return {}
    p50, p95 = (_rolling(runs, share) for share in (0.50, 0.95))
    times = [run.duration or 0.0 for run in runs]
    title = _("How long the last %d runs took") % len(runs)
    table = data_table(
        title,
        (_("Scheduled"), _("State"), _("Duration"), "p50", "p95"),
        [
            (time_tag(run.scheduled_at, clock(run.scheduled_at, asked.now)), badge(run.state), *map(duration, seconds))
            for run, *seconds in reversed(list(zip(runs, times, p50, p95, strict=True)))
        ],
    )
    return {
        "table": table,
        "count": len(runs),
        "rolling": ROLLING - 1,
        "chart_title": title,
        "chart": {
            "zone": str(timezone.get_current_timezone()),
            "at": [run.scheduled_at.timestamp() for run in runs],
            "success": [run.duration if run.state == State.SUCCESS else None for run in runs],
            "failed": [None if run.state == State.SUCCESS else run.duration for run in runs],
            "p50": p50,
            "p95": p95,
            "words": {
                "time": _("Scheduled"), "success": str(OUTCOMES["good"]), "failed": str(OUTCOMES["bad"]),
                "p50": "p50", "p95": "p95",
            },
        },
    }  # fmt: skip


def _rolling(runs: Sequence[PastRun], share: float) -> list[float | None]:
    took = [run.duration or 0.0 for run in runs]
    return [percentile(sorted(took[max(0, end - ROLLING) : end]), share) for end in range(1, len(took) + 1)]


def outcomes(asked: Asked) -> dict[str, Any]:
    """Return how the runs of each day ended, over the last year or as far back as the newest 50,000 runs reach."""
    runs = TaskRun.objects.filter(job_id=asked.job.id)
    today = timezone.localtime(asked.now).date()
    first_day = today - timedelta(days=WEEKS * 7 - 1)
    since = timezone.localtime(asked.now).replace(hour=0, minute=0, second=0, microsecond=0) - (today - first_day)
    oldest = runs.order_by("-scheduled_at").values_list("scheduled_at", flat=True)[CALENDAR - 1 : CALENDAR].first()
    is_cut = oldest is not None and oldest > since
    counted = runs.filter(scheduled_at__gte=oldest if is_cut else since).order_by()
    days: dict[date, Counter[str]] = {}
    for day, state, count in counted.values_list(TruncDate("scheduled_at"), "state").annotate(runs=Count("*")):
        days.setdefault(day, Counter())[state] = count
    if not days:
        return {}
    first_day = min(days)
    if not is_cut:
        first_day = min(first_day, today - timedelta(days=LEAST_WEEKS * 7 - 1))
    most = max(counts.total() for counts in days.values())
    whole = [first_day + timedelta(days=n) for n in range((max(today, *days) - first_day).days + 1)]
    title = _("How the runs of each day ended")
    chart = calendar(title, [_day(day, days.get(day, Counter()), most) for day in whole])
    rows = [
        (date_format(day, "D Y-m-d"), days[day].total(), *(_of_tone(days[day], tone) or "–" for tone in OUTCOMES))
        for day in sorted(days, reverse=True)
    ]
    table = data_table(title, (_("Day"), _("Runs"), *OUTCOMES.values()), rows)
    tones = {tone_of(state) for counts in days.values() for state in counts}
    return {
        "figure": figure(chart, table, legend(tones)),
        "since": absolute(oldest) if is_cut and oldest is not None else "",
        "most": CALENDAR,
        "zone": str(timezone.get_current_timezone()),
    }


def _of_tone(counts: Counter[str], tone: str) -> int:
    return sum(count for state, count in counts.items() if tone_of(state) == tone)


def _day(day: date, counts: Counter[str], most: int) -> Day:
    """Return a day in the tone of its worst outcome: as full as that was usual, else as full as it was busy."""
    total = counts.total()
    words = ", ".join(f"{state.label} {counts[state]}" for state in State if counts[state])
    label = f"{date_format(day, 'D Y-m-d')}: {words or _('no runs')}"
    for tone in ("bad", "warn", "busy", "wait", "good", "quiet"):
        if of_tone := _of_tone(counts, tone):
            return Day(day, tone, of_tone / total if tone in ("bad", "warn") else total / most, label)
    return Day(day, "", 0, label)
