"""Inputs of forms that Django has not; web process."""

from __future__ import annotations

import re
from typing import Any

from django import forms


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
