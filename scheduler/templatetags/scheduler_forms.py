"""Draws one field of a form with its label, help and errors, tied together for screen readers; web process."""

from __future__ import annotations

from typing import Any

from django import template
from django.forms import BoundField
from django.template import Context
from django.utils.translation import gettext as _

register = template.Library()


@register.inclusion_tag("admin/scheduler/field.html", takes_context=True)
def form_field(context: Context, field: BoundField, note: str = "", **attributes: Any) -> dict[str, Any]:
    """Draw a field. The one that the page names as its `first_fault` gets the focus.

    :param note: what stands beside its label
    :param attributes: of its input, with underscores for dashes
    """
    attrs = {name.replace("_", "-"): value for name, value in attributes.items() if value != ""}
    kind = _kind(field)
    focused = context.get("first_fault") and context["first_fault"] in (field.auto_id, field.id_for_label)
    if focused and kind != "choices":
        attrs["autofocus"] = True
    return {"field": field, "note": note, "input": field.as_widget(attrs=attrs), "kind": kind, "focused": focused}


def _kind(field: BoundField) -> str:
    return {"CheckboxInput": "flag", "RadioSelect": "choices", "CheckboxSelectMultiple": "choices"}.get(
        type(field.field.widget).__name__, "plain"
    )


@register.inclusion_tag("admin/scheduler/scheduledtask/job_field.html", takes_context=True)
def job_field(context: Context, name: str) -> dict[str, Any]:
    """Draw a field of the job's form, and what the code says of it where a person changed it."""
    said = context["overrides"]
    note = _("changed here") if name in said else _("from the code") if name in context["owned"] else ""
    return {**_passed_on(context), "field": context["form"][name], "name": name, "note": note}


@register.inclusion_tag("admin/scheduler/scheduledtask/code_says.html", takes_context=True)
def code_says(context: Context, name: str) -> dict[str, Any]:
    """Tell what the code says of a field that a person changed, with a button that gives it back; else nothing."""
    from ..admin.job_fields import label

    return {"words": context["overrides"].get(name), "name": name, "label": label(name)}


def _passed_on(context: Context) -> dict[str, Any]:
    return {name: context[name] for name in ("form", "overrides", "owned", "first_fault")}
