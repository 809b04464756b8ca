"""What a browser sends for a form that somebody opens and sends as it is."""

from __future__ import annotations

from typing import Any

from django import forms


def sent(form: forms.BaseForm) -> dict[str, Any]:
    """Return the data that a browser sends: unticked boxes are left out, ticked ones of several are a list."""
    data: dict[str, Any] = {}
    for bound in form:
        value, widget = bound.value(), bound.field.widget
        if isinstance(widget, forms.CheckboxSelectMultiple):
            data[bound.html_name] = list(value or [])
        elif isinstance(widget, forms.CheckboxInput):
            if value:
                data[bound.html_name] = "on"
        elif (
            isinstance(widget, forms.HiddenInput)
            or not isinstance(widget, forms.RadioSelect)
            or value not in (None, "")
        ):
            shown = widget.format_value(value)
            if isinstance(shown, list):
                shown = shown[0] if shown else ""
            data[bound.html_name] = "" if shown is None else str(shown).replace("\n", "\r\n")
    return data
