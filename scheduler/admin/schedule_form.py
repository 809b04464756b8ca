"""The form of a schedule: a choice of kinds, each with its fields, that the real trigger judges; web process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from apscheduler.triggers.base import BaseTrigger
from django import forms
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock, triggers
from ..exceptions import InvalidInput, InvalidTrigger
from ..schedules import build_trigger
from ..triggers.zones import default_timezone, zone_name
from .inputs import LocalInput, datalist
from .schedule_fields import INSTANT, PLAIN_KINDS, PlainFields, text_field
from .schedule_kinds import MOST_PARTS, Values, as_text, from_trigger, to_data

ZONES = "sched-zones"
FEWEST_PARTS = 2
KIND_CHOICES = [*PLAIN_KINDS, ("combined", gettext_lazy("Combined")), ("data", gettext_lazy("As data"))]


@lru_cache(maxsize=1)
def zone_suggestions() -> SafeString:
    """Return the time zones that this host knows, as what the input for one suggests."""
    return datalist(ZONES, sorted(available_timezones()))


class ScheduleForm(PlainFields):
    """A whole schedule.

    :param trigger: what is stored, or proposed
    :param data: what a browser sent
    """

    kind = forms.ChoiceField(
        choices=KIND_CHOICES, required=False, widget=forms.RadioSelect, label=gettext_lazy("How often")
    )
    link = forms.ChoiceField(
        choices=[("or", gettext_lazy("when any part fires")), ("and", gettext_lazy("when all parts fire together"))],
        required=False, initial="or", label=gettext_lazy("It fires"),
    )  # fmt: skip
    timezone = text_field(gettext_lazy("Time zone"), forms.TextInput({"list": ZONES, "autocomplete": "off"}))
    start = text_field(gettext_lazy("Not before"), LocalInput("datetime-local", INSTANT))
    end = text_field(gettext_lazy("Not after"), LocalInput("datetime-local", INSTANT))
    jitter = text_field(
        gettext_lazy("Delay by up to (s)"), forms.NumberInput({"min": "0", "step": "any"}),
        help_text=gettext_lazy("Spreads firings: each is delayed by its own random time. Empty for none."),
    )  # fmt: skip

    def __init__(
        self, trigger: BaseTrigger | None = None, *, data: Mapping[str, Any] | None = None, prefix: str = "schedule"
    ) -> None:
        kind, shown = ("interval", {}) if trigger is None else from_trigger(trigger)
        initial = {"kind": kind, "timezone": zone_name(default_timezone()), **shown}
        if trigger is not None:
            initial["trigger_json"] = as_text(
                shown["trigger_json"] if kind == "data" else triggers.trigger_to_data(trigger)
            )
        super().__init__(data, prefix=prefix, initial=initial)
        shown_parts = shown.get("parts", [])
        self.parts = [
            self._part(number, shown_parts[number] if number < len(shown_parts) else {}, data)
            for number in range(MOST_PARTS)
        ]
        self.trigger: BaseTrigger | None = None
        self.trigger_data: Values = {}

    def _part(self, number: int, shown: Values, data: Mapping[str, Any] | None) -> PlainFields:
        if "trigger_json" in shown:
            shown = {**shown, "trigger_json": as_text(shown["trigger_json"])}
        return PlainFields(data, prefix=f"{self.prefix}-{number}", initial=shown)

    @property
    def shown_parts(self) -> list[PlainFields]:
        """The parts that are used, and one more to use."""
        last = max((number for number, part in enumerate(self.parts, 1) if part["kind"].value()), default=0)
        return self.parts[: max(FEWEST_PARTS, last + 1)]

    def clean(self) -> Values:
        given = self.given()
        if given["kind"] == "combined":
            used = [part for part in self.parts if part["kind"].data]
            given["parts"] = [part.given() for part in used if part.is_valid()]
            if not used:
                self.add_error("kind", _("Choose the kind of one part at least."))
            if any(part.errors for part in used):
                self.add_error("kind", _("One of its parts is not right yet: see below."))
        elif not given["kind"]:
            self.add_error("kind", _("Choose one."))
        if not self.errors:
            self._build(given)
        return self.cleaned_data

    def _build(self, given: Values) -> None:
        try:
            self.trigger_data = to_data(given["kind"], given)
            self.trigger = build_trigger(self.trigger_data, {})
            triggers.check_fires(self.trigger, now=clock.now())
        except InvalidTrigger as error:
            self.trigger = None
            self.place(error)

    def place(self, error: InvalidInput) -> None:
        """Put an error of the trigger at the field that it is about, in the part that it is about."""
        path = error.field.removeprefix("trigger.")
        inner = re.fullmatch(r"triggers\[(\d+)\](?:\.(.*))?", path)
        used = [part for part in self.parts if part["kind"].data]
        if inner and self.cleaned_data.get("kind") == "combined" and int(inner[1]) < len(used):
            used[int(inner[1])].refuse(inner[2] or "", error)
            self.add_error("kind", _("One of its parts is not right yet: see below."))
        else:
            self.refuse(path, error)
