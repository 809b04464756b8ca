"""What keeps jobs from running, with the command that mends it, for the banner of a page; web process."""

from __future__ import annotations

from dataclasses import dataclass

from django.http import HttpRequest

from ..health import Problem, check_health
from . import nav
from .caching import remembered
from .text import harmless

SECONDS = 5.0
NEEDED = {"overdue": "scheduledtask", "broken": "scheduledtask", "pending": "taskrun"}
"""By the code of a problem: the model of which it tells; the other problems tell of processes."""
MOST = 6


@dataclass(frozen=True)
class Banner:
    """One problem as it is shown."""

    text: str
    command: str
    tone: str


def problems(request: HttpRequest) -> list[Banner]:
    """Return the problems that this user may know of; the broker is not asked, only what schedulers tell of it."""
    found: list[Problem] = remembered(SECONDS, lambda: check_health(ask_broker=False), "problems")
    known = [problem for problem in found if nav.may_view(request, NEEDED.get(problem.code, "serviceprocess"))]
    return [
        Banner(harmless(problem.text), harmless(problem.command), "bad" if problem.serious else "warn")
        for problem in known[:MOST]
    ]
