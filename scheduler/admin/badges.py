"""States as icon, word and colour: never by colour alone; web process."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from ..models import State

ICONS = {  # paths of a 16 × 16 drawing, stroked
    "check": "M3 8.5l3.2 3.2L13 4.8",
    "cross": "M4 4l8 8M12 4l-8 8",
    "clock": "M8 2a6 6 0 100 12A6 6 0 008 2zM8 4.8V8l2.3 1.8",
    "play": "M5 3.2v9.6l7.5-4.8z",
    "pause": "M5.5 3.5v9M10.5 3.5v9",
    "dots": "M3.5 8h.01M8 8h.01M12.5 8h.01",
    "tray": "M2.5 9.5l2-6h7l2 6v3.5h-11zM2.5 9.5h3.3l.7 1.5h3l.7-1.5h3.3",
    "again": "M13 8a5 5 0 11-1.6-3.7M13.2 2v3h-3",
    "skip": "M3 4l5 4-5 4zM9 4l5 4-5 4z",
    "unplug": "M2.5 13.5l3-3M10.5 5.5l3-3M5 8l3 3M8 5l3 3M4.5 9.5l2-2M6.5 11.5l2-2",
    "ban": "M8 2a6 6 0 100 12A6 6 0 008 2zM3.8 3.8l8.4 8.4",
    "warn": "M8 2.5l6 11H2zM8 6.5v3M8 11.6v.01",
    "bin": "M3 4.5h10M6 4.5v-2h4v2M4.5 4.5l.6 9h5.8l.6-9",
    "flag": "M4 14V2.5h7.5l-1.5 3 1.5 3H4",
    "stop": "M4 4h8v8H4z",
    "heart": "M1.5 8h3l1.8-4.5 3 9L11 8h3.5",
}


@dataclass(frozen=True)
class Look:
    """How a state is shown: its word, its icon, and the tone that gives its colours (scheduler/admin.css)."""

    word: str | Promise
    icon: str
    tone: str


RUN_LOOKS = {
    State.PENDING: Look(State.PENDING.label, "dots", "wait"),
    State.QUEUED: Look(State.QUEUED.label, "tray", "wait"),
    State.RUNNING: Look(State.RUNNING.label, "play", "busy"),
    State.RETRYING: Look(State.RETRYING.label, "again", "warn"),
    State.SUCCESS: Look(State.SUCCESS.label, "check", "good"),
    State.FAILURE: Look(State.FAILURE.label, "cross", "bad"),
    State.TIMEOUT: Look(State.TIMEOUT.label, "clock", "bad"),
    State.LOST: Look(State.LOST.label, "unplug", "bad"),
    State.CANCELLED: Look(State.CANCELLED.label, "ban", "quiet"),
    State.EXPIRED: Look(State.EXPIRED.label, "clock", "warn"),
    State.SKIPPED: Look(State.SKIPPED.label, "skip", "quiet"),
    State.MISSED: Look(State.MISSED.label, "warn", "warn"),
}
JOB_LOOKS = {
    "scheduled": Look(pgettext_lazy("state of a job", "scheduled"), "clock", "good"),
    "paused": Look(_("paused"), "pause", "warn"),
    "finished": Look(_("finished"), "flag", "quiet"),
    "broken": Look(_("broken"), "warn", "bad"),
    "removed": Look(_("removed"), "bin", "quiet"),
}
PROCESS_LOOKS = {
    "alive": Look(_("alive"), "heart", "good"),
    "stale": Look(_("stale"), "warn", "bad"),
    "stopped": Look(_("stopped"), "stop", "quiet"),
}
LOOKS: dict[str, Look] = {**{str(state): look for state, look in RUN_LOOKS.items()}, **JOB_LOOKS, **PROCESS_LOOKS}


def icon(name: str) -> SafeString:
    """Return the drawing `name` as an inline SVG, hidden from screen readers: the word beside it says the same."""
    drawing = f'<svg class="sched-icon" viewBox="0 0 16 16" aria-hidden="true"><path d="{ICONS[name]}"/></svg>'
    return mark_safe(drawing)  # noqa: S308  made of this module's constants alone


def badge(state: str, note: str = "") -> SafeString:
    """Return the badge of a state.

    :param state: of a run, a job or a process; one that is not known is shown by its name
    :param note: what to show on hover
    """
    look = LOOKS.get(state) or Look(state, "dots", "quiet")
    title = format_html(' title="{}"', note) if note else ""
    return format_html('<span class="sched-badge sched-{}"{}>{}{}</span>', look.tone, title, icon(look.icon), look.word)
