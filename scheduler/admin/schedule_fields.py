"""The fields of a schedule of one kind, and where an error of the trigger belongs; web process."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.dates import WEEKDAYS as WEEKDAY_NAMES
from django.utils.dates import WEEKDAYS_ABBR
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..exceptions import InvalidInput
from .inputs import LocalInput, QuickSelect
from .schedule_kinds import DAYS_OF_MONTH, UNITS, WEEKDAYS, Values, as_text
from .text import explained, harmless, sentence
from .typed_values import read_json

INSTANT, TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", r"\d\d:\d\d(:\d\d)?"
UNIT_WORDS = {
    "seconds": gettext_lazy("seconds"), "minutes": gettext_lazy("minutes"), "hours": gettext_lazy("hours"),
    "days": gettext_lazy("days"), "weeks": gettext_lazy("weeks"),
}  # fmt: skip
PLAIN_KINDS = [
    ("interval", gettext_lazy("Every so often")),
    ("daily", gettext_lazy("Daily")),
    ("weekly", gettext_lazy("Weekly")),
    ("monthly", gettext_lazy("Monthly")),
    ("crontab", gettext_lazy("Cron line")),
    ("once", gettext_lazy("Once")),
]
PART_CHOICES = [("", gettext_lazy("not used")), *PLAIN_KINDS, ("data", gettext_lazy("As data"))]
ORDINALS = (
    gettext_lazy("the first …"), gettext_lazy("the second …"), gettext_lazy("the third …"),
    gettext_lazy("the fourth …"), gettext_lazy("the last …"),
)  # fmt: skip
CODE = {"class": "sched-grow sched-code", "spellcheck": "false"}
EXAMPLE = {"type": "cron", "day_of_week": "mon-fri", "hour": "9-17", "minute": "*/15"}
NEEDED = {
    "interval": ("every", "unit"), "daily": ("time",), "weekly": ("days", "time"), "monthly": ("on", "time"),
    "crontab": ("crontab",), "once": ("run_date",), "data": ("trigger_json",),
}  # fmt: skip
MAIN = {
    "daily": "time",
    "weekly": "days",
    "monthly": "on",
    "interval": "every",
    "once": "run_date",
    "data": "trigger_json",
}
"""The field that a fault of the whole belongs to; elsewhere it is called as the kind."""
PLACES = {
    "start_date": "start", "end_date": "end", "jitter": "jitter", "timezone": "timezone", "run_date": "run_date",
    "hour": "time", "minute": "time", "second": "time", "day": "on", "day_of_week": "days", "crontab": "crontab",
    **dict.fromkeys(UNITS, "every"),
}  # fmt: skip


def _days_of_month() -> list[tuple[str, Any]]:
    words = [*(ngettext("day %s", "days %s", 1) % day for day in range(1, 32)), _("the last day"), *ORDINALS]
    return list(zip(DAYS_OF_MONTH, words, strict=True))


def text_field(label: Any, widget: forms.Widget | None = None, **more: Any) -> forms.CharField:
    return forms.CharField(required=False, label=label, widget=widget or forms.TextInput(), max_length=500, **more)


class PlainFields(forms.Form):
    """The kinds of schedule that stand alone, and can be parts of a combined one."""

    kind = forms.ChoiceField(choices=PART_CHOICES, required=False, widget=QuickSelect, label=gettext_lazy("Kind"))
    every = text_field(gettext_lazy("Every"), forms.NumberInput({"min": "0", "step": "any"}), initial="5")
    unit = forms.ChoiceField(
        choices=list(UNIT_WORDS.items()),
        initial="minutes",
        required=False,
        widget=QuickSelect,
        label=gettext_lazy("Unit"),
    )
    counted_from = text_field(
        gettext_lazy("Counted from"), LocalInput("datetime-local", INSTANT),
        help_text=gettext_lazy("Empty: the first firing is one interval from now."),
    )  # fmt: skip
    time = text_field(gettext_lazy("At"), LocalInput("time", TIME), initial="06:00")
    days = forms.MultipleChoiceField(
        choices=[(day, WEEKDAYS_ABBR[number]) for number, day in enumerate(WEEKDAYS)], required=False,
        widget=forms.CheckboxSelectMultiple(), initial=WEEKDAYS[:5], label=gettext_lazy("On"),
    )  # fmt: skip
    on = forms.ChoiceField(
        choices=_days_of_month, initial="1", required=False, widget=QuickSelect, label=gettext_lazy("On")
    )
    weekday = forms.ChoiceField(
        choices=[(day, WEEKDAY_NAMES[number]) for number, day in enumerate(WEEKDAYS)], required=False,
        widget=QuickSelect, label=gettext_lazy("Weekday"),
    )  # fmt: skip
    crontab = text_field(
        gettext_lazy("Cron line"), forms.TextInput(CODE), initial="30 6 * * 1-5",
        help_text=gettext_lazy("Minute, hour, day of month, month, day of week (0 and 7 are Sunday)."),
    )  # fmt: skip
    run_date = text_field(gettext_lazy("On"), LocalInput("datetime-local", INSTANT))
    trigger_json = forms.CharField(
        required=False, label=gettext_lazy("The trigger as JSON"), initial=as_text(EXAMPLE), max_length=20_000,
        widget=forms.Textarea({"rows": 5, **CODE}),
        help_text=gettext_lazy(
            "As the command line’s --trigger: a type (date, interval, cron, calendarinterval, and, or) "
            "and APScheduler’s arguments."
        ),
    )  # fmt: skip

    def clean_time(self) -> str:
        time = str(self.cleaned_data["time"]).strip()
        if time and not re.fullmatch(TIME, time):
            raise forms.ValidationError(_("“%s” is not a time such as 06:30."), params=harmless(time[:40]))  # type: ignore[arg-type]
        return time

    def clean_trigger_json(self) -> Any:
        text = self.cleaned_data["trigger_json"]
        if self.cleaned_data.get("kind") != "data" or not text.strip():
            return None
        try:
            data = read_json(text)
        except ValueError as error:
            raise forms.ValidationError(_("It %s.") % error) from None
        if not isinstance(data, dict):
            raise forms.ValidationError(_("It is not an object with a type."))
        return data

    def given(self) -> Values:
        """Return what the fields of the chosen kind hold; note those that are missing."""
        kind = self.cleaned_data.get("kind", "")
        for name in NEEDED.get(kind, ()):
            if not self.errors.get(name) and self.cleaned_data.get(name) in ("", None, []):
                self.add_error(name, _("Choose a day at least.") if name == "days" else _("It has to be filled in."))
        return {"kind": kind, **self.cleaned_data}

    def refuse(self, path: str, error: InvalidInput) -> None:
        """Put an error of the trigger at the field that it is about.

        :param path: what the trigger calls it, without the place of this form
        """
        kind = self.cleaned_data.get("kind", "")
        place = PLACES.get(path, MAIN.get(kind, kind))
        if path == "start_date" and kind == "interval":
            place = "counted_from"
        if kind == "data" and path != "timezone":
            self.add_error("trigger_json", explained(error))
        else:
            self.add_error(place if place in self.fields else "kind", sentence(error))
