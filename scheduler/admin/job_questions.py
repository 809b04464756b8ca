"""What is asked before an action on several jobs, and what is said after it; web process."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def question(action: str, count: int) -> dict[str, str]:
    """Return what is asked before an action on `count` jobs: the question, what it does, the words of its button."""
    asked, does, button = {
        "run_now": (
            ngettext("Run %d job now?", "Run %d jobs now?", count),
            _("Each gets one run beside its schedule, with its own arguments. It waits where the place is taken."),
            ngettext("Run %d job", "Run %d jobs", count),
        ),
        "pause": (
            ngettext("Pause %d job?", "Pause %d jobs?", count),
            _("None of them fires until it is resumed. Runs that are going on go on."),
            ngettext("Pause %d job", "Pause %d jobs", count),
        ),
        "resume": (
            ngettext("Resume %d job?", "Resume %d jobs?", count),
            _("Each fires again, from its next firing on. What was due while it was paused is not made up for."),
            ngettext("Resume %d job", "Resume %d jobs", count),
        ),
        "remove": (
            ngettext("Remove %d job?", "Remove %d jobs?", count),
            ngettext(
                "It will not fire again. Its past runs stay to be seen, and a run that is going on goes on.",
                "They will not fire again. Their past runs stay to be seen, and runs that are going on go on.",
                count,
            ),
            ngettext("Remove %d job", "Remove %d jobs", count),
        ),
    }[action]
    return {"title": asked % count, "does": does, "button": button % count}


def done_text(action: str, count: int) -> str:
    """Return what is said after an action on `count` jobs."""
    said = {
        "run_now": ngettext("Asked for a run of %d job.", "Asked for a run of %d jobs.", count),
        "pause": ngettext("Paused %d job.", "Paused %d jobs.", count),
        "resume": ngettext("Resumed %d job.", "Resumed %d jobs.", count),
        "remove": ngettext("Removed %d job. Its runs stay.", "Removed %d jobs. Their runs stay.", count),
    }
    return said[action] % count
