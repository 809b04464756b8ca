"""The newest runs of a job in short: bars side by side, and their figures in one line; web process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import LIVE, State
from .badges import RUN_LOOKS
from .charts import Bar, bars, tone_of
from .job_runs import Figures, PastRun
from .times import absolute, duration, elapsed

PLACES = 30
"""Bars for which there is room, so that those of several jobs stand below each other."""
SLIVER = 0.02
"""The height of a run that took no time, as a share of the highest: it has to be seen."""


def length_of(run: PastRun, now: datetime) -> SafeString | str:
    """Return how long a run took; for one that runs, what has passed so far."""
    if run.state == State.RUNNING and run.started_at is not None:
        return elapsed(run.started_at, now)
    return duration(run.duration)


def strip(runs: Sequence[PastRun], now: datetime) -> SafeString:
    """Draw runs, newest first, as bars from the oldest to the newest: as high as they took long, in their state's tone.

    Its title says in words what it shows.
    """
    took = [seconds_of(run, now) for run in runs]
    least = max(took, default=0.0) * SLIVER or 1.0
    words = {state: str(RUN_LOOKS[State(state)].word) for state in {run.state for run in runs}}
    tones = {state: tone_of(state) for state in words}
    drawn = [
        Bar(f"{words[run.state]} · {absolute(run.scheduled_at)} · {duration(run.duration) or '–'}",
            [(tones[run.state], max(seconds, least))])
        for run, seconds in zip(reversed(runs), reversed(took), strict=True)
    ]  # fmt: skip
    counts = Counter(run.state for run in runs)
    told = ", ".join(f"{words[state]} {counts[state]}" for state in State if counts[state])
    title = ngettext("The last run: %(states)s", "The last %(count)d runs: %(states)s", len(runs))
    return bars(title % {"count": len(runs), "states": told}, drawn, width=3, gap=1, height=24, places=PLACES)


def seconds_of(run: PastRun, now: datetime) -> float:
    """Return the seconds that a run took, or has taken so far."""
    if run.state in LIVE and run.started_at is not None:
        return max(0.0, (now - run.started_at).total_seconds())
    return run.duration or 0.0


def in_short(told: Figures) -> SafeString | str:
    """Return success rate, p50 and p95 in few words."""
    if told.success is None:
        return ""
    rate = _("%(succeeded)d of %(ended)d ended well") % {"succeeded": told.succeeded, "ended": told.ended}
    times = [
        (name, duration(seconds)) for name, seconds in (("p50", told.p50), ("p95", told.p95)) if seconds is not None
    ]
    said = format_html_join("", ' · <span class="job-figure">{} {}</span>', times)
    return format_html('<span title="{}">{}</span>{}', rate, percent(told.success), said)


def percent(share: float) -> str:
    """Return a share as a percentage that is 100 % or 0 % only where it is exact."""
    shown = round(share * 100, 1) if 0.99 < share < 1 or 0 < share < 0.01 else round(share * 100)
    return _("%s %%") % f"{min(shown, 99.9) if share < 1 else 100:g}"
