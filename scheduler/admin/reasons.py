"""Why runs ended and jobs were set aside: stored in English, said in the language of the page; web process."""

from __future__ import annotations

import re
from functools import lru_cache

from django.utils.translation import get_language, gettext, gettext_noop

from .text import harmless

PATTERNS = (  # the first that fits counts, so those that hold another reason come first
    gettext_noop("%(reason)s, terminated by an unnamed caller"),
    gettext_noop("%(reason)s, terminated by %(who)s"),
    gettext_noop("%(reason)s; it runs again"),
    gettext_noop("%(reason)s, in the last of %(count)s attempts"),
    gettext_noop("Cancelled by %(who)s; %(reason)s"),
    gettext_noop("Cancelled by an unnamed caller"),
    gettext_noop("Cancelled by %(who)s"),
    gettext_noop("Replaced by a newer run of its job"),
    gettext_noop("Replaced by a run that somebody asked for"),
    gettext_noop("Replaced by a run that %(who)s asked for"),
    gettext_noop("Replaced by the run of %(when)s"),
    gettext_noop("Its worker %(worker)s died"),
    gettext_noop("Its process died: %(error)s"),
    gettext_noop("No worker took it before it expired"),
    gettext_noop("%(reason)s, and one run waits in line"),
    gettext_noop("Maximum number of running instances reached (%(count)s)"),
    gettext_noop("Missed: %(late)s s late, and it may start %(grace)s s late at most"),
    gettext_noop("Missed: made up for by the run of %(when)s"),
    gettext_noop("More than %(count)s firings from %(when)s on were missed: no scheduler ran"),
    gettext_noop("%(count)s firings from %(when)s on were missed: no scheduler ran"),
    gettext_noop("The soft time limit ended it"),
    gettext_noop("The hard time limit ended it"),
    gettext_noop("The task ended itself with Ignore, or replaced itself by another"),
    gettext_noop("The task rejected its message"),
    gettext_noop("Attempt %(number)s asked to be tried again: %(error)s"),
    gettext_noop("Attempt %(number)s asked to be tried again"),
    gettext_noop("Terminated"),
    gettext_noop("Revoked"),
    gettext_noop("Its message can't be read: %(error)s"),
    gettext_noop("Its message can't be sent: %(error)s"),
    gettext_noop("Its outcome could not be stored whole: %(error)s"),
    gettext_noop("Worker %(worker)s knows no task %(task)s. Restart it: a worker loads code when it starts."),
    # of jobs
    gettext_noop("It can't be read: %(error)s"),
    gettext_noop("The database refuses what it plans: %(error)s"),
    gettext_noop("It has no scheduled task: it was stored by another program"),
    gettext_noop("No task named %(task)s is registered here or on a worker that is alive"),
    gettext_noop("Its trigger fails: %(error)s"),
    gettext_noop("the trigger failed: %(error)s"),
    gettext_noop("Its stored state asks for %(name)s of %(owner)s, which no trigger needs"),
    gettext_noop("Its stored state names %(name)s, which no trigger needs"),
    gettext_noop("Its stored state can't be read: %(error)s"),
    gettext_noop("Its stored state is not that of a job"),
    gettext_noop(
        "It was stored by another program and calls %(function)s."
        " Make that function a Celery task and add the job with scheduler.add_job"
    ),
    gettext_noop("%(problem)s within the allowed number of steps"),
    gettext_noop("the search for the next firing did not end"),
    gettext_noop("the jitter covers so many firings that the search for the next one did not end"),
    gettext_noop("the triggers under 'and' did not agree on a time"),
    # of what a bulk action was refused
    gettext_noop("Run %(run)s can't be cancelled: it has ended already (%(state)s)."),
    gettext_noop("Run %(run)s can't be retried: it has not ended (%(state)s)."),
    gettext_noop("Run %(run)s can't be retried: its job %(job)r is gone."),
)


def said(reason: str) -> str:
    """Return a stored reason in the active language, harmless. What a task or a library said stays as it is."""
    if not reason or (get_language() or "en").startswith("en"):
        return harmless(reason)
    return harmless(_translated(reason))


def _translated(reason: str) -> str:
    found = recognized(reason)
    if found is None:
        return reason
    pattern, values = found
    return gettext(pattern).replace(")r", ")s") % {
        name: _translated(value) if name in ("reason", "error", "problem") else value for name, value in values.items()
    }


@lru_cache(maxsize=256)
def recognized(reason: str) -> tuple[str, dict[str, str]] | None:
    """Return the pattern of a reason and what stands in its places; None for a text of somebody else's."""
    for pattern, shape in _shapes():
        if found := shape.fullmatch(reason):
            return pattern, found.groupdict()
    return None


@lru_cache(maxsize=1)
def _shapes() -> list[tuple[str, re.Pattern[str]]]:
    return [
        (pattern, re.compile(re.sub(r"%\\\((\w+)\\\)[rs]", r"(?P<\1>.+)", re.escape(pattern)), re.DOTALL))
        for pattern in PATTERNS
    ]
