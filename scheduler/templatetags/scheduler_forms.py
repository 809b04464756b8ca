"""Draws one field of a form with its label, help and errors, tied together for screen readers; web process."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField

register = template.Library()


@register.inclusion_tag("admin/scheduler/field.html")
def form_field(field: BoundField, note: str = "", **attributes: Any) -> dict[str, Any]:
    """Draw a field.

    :param note: what stands beside its label
    :param attributes: of its input, with underscores for dashes
    """
    attrs = {name.replace("_", "-"): value for name, value in attributes.items() if value != ""}
    return {"field": field, "note": note, "input": field.as_widget(attrs=attrs), "kind": _kind(field)}


def _kind(field: BoundField) -> str:
    return {"CheckboxInput": "flag", "RadioSelect": "choices", "CheckboxSelectMultiple": "choices"}.get(
        type(field.field.widget).__name__, "plain"
    )
