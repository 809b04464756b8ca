"""What a browser would send for a form as it stands; web process."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict


def replaced(data: QueryDict, form: forms.BaseForm, names: list[str] | None = None) -> QueryDict:
    """Return what was sent, with some of a form's inputs as the form has them, as if nobody had touched them.

    :param form: one that was not sent, with the values to take
    :param names: of its fields; all of them if left out
    """
    fresh = data.copy()
    for bound in form:
        if names is None or bound.name in names:
            sent = _sent(bound.field.widget, bound.value())
            fresh.setlist(bound.html_name, sent) if sent else fresh.pop(bound.html_name, None)
    return fresh


def _sent(widget: forms.Widget, value: Any) -> list[str]:
    if isinstance(widget, forms.CheckboxInput):
        return ["on"] if value else []
    shown = widget.format_value(value)
    if isinstance(shown, list):
        return [str(each) for each in shown if each not in (None, "")]
    return ["" if shown is None else str(shown)]
