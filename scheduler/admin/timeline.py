"""A timeline of a job's runs as SVG: what overlapped, what was skipped, how long each waited and ran; web process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ..models import LIVE, State
from .badges import RUN_LOOKS
from .charts import BAR_PATTERNS, tone_of
from .job_runs import PastRun
from .times import DAY, HOUR, MINUTE, absolute, duration

WIDTH, LANE, THICK, AXIS, THIN = 960.0, 20.0, 12.0, 22.0, 3.0
"""In the drawing's units: pixels, unless a style stretches it. `THIN` is the shortest run that can be seen."""
LABEL = 76.0
"""What the longest label of the axis takes, "24 Nov 00:00"."""
TICKS = 8
STEPS = (
    1, 5, 15, 30, MINUTE, 5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR,
    DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 56 * DAY, 168 * DAY, 364 * DAY,
)  # fmt: skip
"""Seconds between two ticks of the axis."""


@dataclass(frozen=True)
class Span:
    """A run with its place: from when it was due to its end."""

    run: PastRun
    start: datetime
    end: datetime
    lane: int
    """0 for a run that met no other; one that overlaps is put into the first lane that is free."""


def spans(runs: Sequence[PastRun], now: datetime) -> list[Span]:
    """Return runs with their places, the earliest first."""
    found: list[Span] = []
    free_from: list[datetime] = []
    for run in sorted(runs, key=lambda run: run.scheduled_at):
        end = now if run.state in LIVE else (run.finished_at if run.started_at else None) or run.scheduled_at
        end = max(end, run.scheduled_at)
        lane = next((lane for lane, free in enumerate(free_from) if free <= run.scheduled_at), len(free_from))
        free_from[lane : lane + 1] = [end]
        found.append(Span(run, run.scheduled_at, end, lane))
    return found


def draw(title: str, found: Sequence[Span], url_of: Callable[[UUID], str]) -> SafeString:
    """Draw runs along a time axis in the current time zone; each leads to its page. The table beside it says the same.

    :param title: what the chart shows
    :param url_of: gives the address of a run's page
    """
    first, last = min(span.start for span in found), max(span.end for span in found)
    seconds = max((last - first).total_seconds(), 1.0)
    lanes = max(span.lane for span in found) + 1

    def x(moment: datetime) -> float:
        return 6 + (moment - first).total_seconds() / seconds * (WIDTH - 12)

    marks = format_html_join(
        "",
        '<a href="{}" tabindex="-1"><title>{}</title>{}</a>',
        ((url_of(span.run.id), label(span), _mark(span, x)) for span in found),
    )
    bottom = lanes * LANE
    axis = format_html_join(
        "",
        '<path class="sched-tick" d="M{0} 0V{1}"/><text x="{2}" y="{3}">{4}</text>',
        (
            (_number(x(moment)), _number(bottom + 4), _number(_within(x(moment))), _number(bottom + 16), text)
            for moment, text in ticks(first, last)
        ),
    )
    return format_html(
        '<div class="sched-scroll sched-newest" tabindex="0" role="region" aria-label="{2}">'
        '<svg class="sched-timeline" viewBox="0 0 {0} {1}" width="{0}" height="{1}" aria-hidden="true">'
        "{3}{4}</svg></div>",
        _number(WIDTH), _number(bottom + AXIS), title, axis, marks,
    )  # fmt: skip


def _within(x: float) -> float:
    """Return where a label stands that belongs at `x`: nothing of it lies beyond the picture."""
    return min(max(x, LABEL / 2), WIDTH - LABEL / 2)


def _mark(span: Span, x: Callable[[datetime], float]) -> SafeString:
    """Draw a run: a thin line while it waited, a thick one while it ran; a diamond where it never started."""
    run, y = span.run, span.lane * LANE + LANE / 2
    left, right = x(span.start), x(span.end)
    begun = run.started_at
    if begun is None and run.state not in LIVE:
        return format_html('<path class="sched-ink-{}" stroke-width="2" d="M{} {}l5 -5 5 5 -5 5z"/>',
                           tone_of(run.state), _number(left - 5), _number(y))  # fmt: skip
    waits_until = max(left, x(begun)) if begun is not None else max(right, left + THIN)
    waited = format_html('<path class="sched-ink-wait" stroke-width="2" d="M{} {}H{}"/>',
                         _number(left), _number(y), _number(waits_until))  # fmt: skip
    if begun is None:
        return waited
    share, dashes = BAR_PATTERNS[tone_of(run.state)]
    return format_html(
        '{}<path class="sched-ink-{}" stroke-width="{}" stroke-dasharray="{}" d="M{} {}H{}"/>',
        waited if waits_until - left > 1 else "", tone_of(run.state), _number(THICK * share), dashes,
        _number(waits_until), _number(y), _number(max(right, waits_until + THIN)),
    )  # fmt: skip


def label(span: Span) -> str:
    """Return what is told of a run on hover."""
    run = span.run
    parts = [str(RUN_LOOKS[State(run.state)].word), absolute(run.scheduled_at), duration(run.duration)]
    if run.started_at is not None:
        parts.append(_("waited %s") % duration((run.started_at - run.scheduled_at).total_seconds()))
    return " · ".join(part for part in parts if part)


def ticks(first: datetime, last: datetime) -> list[tuple[datetime, str]]:
    """Return the instants that the axis names, in whole units of the current time zone, and how each is written."""
    seconds = (last - first).total_seconds()
    step = next((step for step in STEPS if seconds / step <= TICKS), STEPS[-1])
    midnight = timezone.localtime(first).replace(hour=0, minute=0, second=0, microsecond=0)
    found = []
    moment = midnight + timedelta(seconds=((timezone.localtime(first) - midnight).total_seconds() // step + 1) * step)
    day = midnight.date()
    while moment <= last:
        shape = pgettext("date format", "j M") if step >= DAY else "H:i:s" if step < MINUTE else "H:i"
        if step < DAY and moment.date() != day:
            shape, day = pgettext("date format", "j M H:i"), moment.date()
        found.append((moment, date_format(moment, shape)))
        moment += timedelta(seconds=step)
    return found


def _number(value: float) -> str:
    return f"{value:.6g}"
