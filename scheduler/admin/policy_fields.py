"""The fields of a job's options: what it is called, where and how it runs, in plain words; web process."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from ..models import CatchUp, OnLost, Overlap

OVERLAP = [
    (Overlap.SKIP.value, _("Skip it: the new firing does not run, and is recorded as skipped.")),
    (Overlap.QUEUE.value, _("Wait in line: it starts when there is room. One waits, further ones are skipped.")),
    (Overlap.REPLACE.value, _("Cancel the old one: that is stopped, and then the new one starts.")),
    (Overlap.ALLOW.value, _("Run both, side by side, however many there are.")),
]
CATCH_UP = [
    (CatchUp.ONE.value, _("Run the latest of them, once.")),
    (CatchUp.ALL.value, _("Run each of them, oldest first.")),
    (CatchUp.SKIP.value, _("Run none of them, and go on with the next in time.")),
]
ON_LOST = [
    (OnLost.FAIL.value, _("End it as lost: it was started once at most.")),
    (OnLost.RETRY.value, _("Run it again, as a new attempt. Only for tasks that may run twice.")),
]
SECONDS: dict[str, Any] = {"min": "0", "step": "any"}


def _choices(label: Any, choices: list[tuple[str, Any]]) -> forms.ChoiceField:
    return forms.ChoiceField(label=label, choices=choices, widget=forms.RadioSelect)


def _number(label: Any, help_text: Any, *, whole: bool = False) -> forms.Field:
    kind = forms.IntegerField if whole else forms.FloatField
    widget = forms.NumberInput({"min": "0", "step": "1"} if whole else SECONDS)
    return kind(required=False, label=label, help_text=help_text, widget=widget)


class PolicyFields(forms.Form):
    """One field for each of `options.CHECKS`, which judges what they hold."""

    name = forms.CharField(
        required=False, max_length=255, label=_("Name"), strip=False, help_text=_("What people call it; empty: its id.")
    )
    description = forms.CharField(
        required=False, label=_("Description"), strip=False, widget=forms.Textarea({"rows": 2, "class": "sched-grow"}),
        help_text=_("What it is for, and what to do when it fails."),
    )  # fmt: skip
    tags = forms.CharField(
        required=False, max_length=2_000, label=_("Tags"), help_text=_("To find jobs by, with commas: reports, nightly")
    )
    owner = forms.CharField(
        required=False, max_length=150, label=_("Owner"), strip=False, help_text=_("Who looks after it.")
    )

    overlap = _choices(_("If a run is still going"), OVERLAP)
    max_instances = forms.IntegerField(
        label=_("How many runs may be live at once"), widget=forms.NumberInput({"min": "1", "step": "1"}),
        help_text=_("On all workers together. With fewer than that, a firing starts at once."),
    )  # fmt: skip
    catch_up = _choices(_("If firings were missed, because no scheduler ran"), CATCH_UP)
    on_lost = _choices(_("If its worker dies"), ON_LOST)

    queue = forms.CharField(
        required=False, max_length=255, label=_("Queue"), widget=forms.TextInput({"list": "sched-queues"}),
        help_text=_("Whose workers run it; empty: as Celery routes the task."),
    )  # fmt: skip
    priority = _number(_("Priority"), _("0 to 255; with Redis 0 goes first, and 9 last."), whole=True)
    expires = _number(_("Give up if no worker takes it within (s)"), _("Empty: it waits, however long."))
    misfire_grace_time = _number(
        _("Do not start if it is late by more than (s)"), _("Empty: a late firing still runs."), whole=True
    )
    soft_time_limit = _number(_("Ask the task to stop after (s)"), _("It gets SoftTimeLimitExceeded; empty: never."))
    time_limit = _number(_("Kill it after (s)"), _("Empty: it has all the time that it wants."))
    run_at_start = forms.BooleanField(
        required=False, label=_("Also run it when the scheduler service starts"),
        help_text=_("Once, beside its schedule; not when one of several schedulers restarts."),
    )  # fmt: skip

    def clean_tags(self) -> list[str]:
        return sorted({tag.strip() for tag in self.cleaned_data["tags"].split(",") if tag.strip()})

    def clean_description(self) -> str:
        return str(self.cleaned_data["description"]).replace("\r\n", "\n")
