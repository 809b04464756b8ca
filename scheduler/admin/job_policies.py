"""The policies of a job in plain words: what happens if it overlaps, is missed, lost or slow; web process."""

from __future__ import annotations

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ..models import CatchUp, OnLost, Overlap, ScheduledTask
from .text import sentences
from .times import duration


def policies(job: ScheduledTask) -> list[tuple[str, str]]:
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
        return sentences(text, late)
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
    return sentences(*parts) if parts else _("It has all the time that it wants.")
