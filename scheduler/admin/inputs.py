"""Inputs of forms that Django has not; web process."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from django import forms
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe


class LocalInput(forms.DateTimeInput):
    """A browser's own input for dates and times; plain text for a value that such an input would lose."""

    def __init__(self, kind: str, shape: str) -> None:
        super().__init__({"step": "1"} if kind != "date" else {})
        self.input_type, self.shape = kind, re.compile(shape)

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        context = super().get_context(name, value, attrs)
        if value and not self.shape.fullmatch(str(value)):
            context["widget"]["type"] = "text"
        return context

    def format_value(self, value: Any) -> str | None:
        return None if value in (None, "") else str(value)


class QuickSelect(forms.Select):
    """Django's drop-down, drawn at once and not by one template for each choice: the page has hundreds of them."""

    def render(self, name: str, value: Any, attrs: dict[str, Any] | None = None, renderer: Any = None) -> SafeString:
        chosen = set(self.format_value(value))
        options = format_html_join(
            "",
            '<option value="{}"{}>{}</option>',
            ((key, mark_safe(" selected") if str(key) in chosen else "", words) for key, words in self.choices),
        )
        return format_html(
            "<select{}>{}</select>", flatatt(self.build_attrs({**self.attrs, "name": name}, attrs)), options
        )


def datalist(name: str, values: Iterable[str]) -> SafeString:
    """Return the suggestions that an input with the attribute `list` offers."""
    options = format_html_join("", '<option value="{}">', ((value,) for value in values))
    return format_html('<datalist id="{}">{}</datalist>', name, options)
