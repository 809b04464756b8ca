"""What is asked before an action on several jobs, and what is said after it; web process."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext


def question(action: str, count: int) -> dict[str, str]:
    """Return what is asked before an action on `count` jobs: the question, what it does, the words of its button."""
    asked, does, button = {
        "run_now": (
            ngettext("Run %s job now?", "Run %s jobs now?", count),
            _("Each gets one run beside its schedule, with its own arguments. It waits where the place is taken."),
            ngettext("Run %s job", "Run %s jobs", count),
        ),
        "pause": (
            ngettext("Pause %s job?", "Pause %s jobs?", count),
            _("None of them fires until it is resumed. Runs that are going on go on."),
            ngettext("Pause %s job", "Pause %s jobs", count),
        ),
        "resume": (
            ngettext("Resume %s job?", "Resume %s jobs?", count),
            _("Each fires again, from its next firing on. What was due while it was paused is not made up for."),
            ngettext("Resume %s job", "Resume %s jobs", count),
        ),
        "remove": (
            ngettext("Remove %s job?", "Remove %s jobs?", count),
            ngettext(
                "It will not fire again. Its past runs stay to be seen, and a run that is going on goes on.",
                "They will not fire again. Their past runs stay to be seen, and runs that are going on go on.",
                count,
            ),
            ngettext("Remove %s job", "Remove %s jobs", count),
        ),
    }[action]
    return {"title": asked % f"{count:,}", "does": does, "button": button % f"{count:,}"}


def done_text(action: str, count: int) -> str:
    """Return what is said after an action on `count` jobs."""
    said = {
        "run_now": ngettext("Asked for a run of %s job.", "Asked for a run of %s jobs.", count),
        "pause": ngettext("Paused %s job.", "Paused %s jobs.", count),
        "resume": ngettext("Resumed %s job.", "Resumed %s jobs.", count),
        "remove": ngettext("Removed %s job. Its runs stay.", "Removed %s jobs. Their runs stay.", count),
    }
    return said[action] % f"{count:,}"
