"""The field of one parameter: its input with what is stored, and what a changed input means; web process."""

from __future__ import annotations

import copy
import inspect
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from ..exceptions import InvalidInput, shorten
from ..secrets import MASK, looks_secret
from .argument_kinds import kind_of
from .argument_secrets import masked, restored
from .task_signature import ABSENT, Parameter
from .text import harmless, sentence
from .typed_values import json_text


class ArgumentField(forms.Field):
    """What a person may give one parameter; `read` tells what it means.

    :param stored: its value, ABSENT where none is given
    """

    def __init__(self, parameter: Parameter, stored: Any = ABSENT) -> None:
        self.parameter, self.stored = parameter, stored
        self.kind, self.optional = kind_of(parameter)
        self.secret = looks_secret(parameter.name)
        many = parameter.kind in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
        self.needed = parameter.default is ABSENT and not self.optional and not many
        super().__init__(
            required=False, label=_label(parameter), widget=self._widget(), initial=self.shown(stored),
            help_text=parameter.doc,
        )  # fmt: skip

    @property
    def is_flag(self) -> bool:
        return isinstance(self.kind.widget, forms.CheckboxInput)

    def _widget(self) -> forms.Widget:
        widget = copy.deepcopy(self.kind.widget)
        if self.secret and not isinstance(widget, forms.CheckboxInput | forms.Select):
            widget = forms.PasswordInput({"autocomplete": "new-password"}, render_value=True)
        default = self.default_text()
        if isinstance(widget, forms.Select):
            blank = _("choose …") if self.needed else _("default: %s") % default if default else _("nothing")
            widget.choices = [("", blank), *widget.choices]
        elif default:
            widget.attrs["placeholder"] = default
        if self.needed:
            widget.attrs["aria-required"] = "true"
        return widget

    def default_text(self) -> str:
        """Return what the task takes where nothing is given, in words; empty where it has no default."""
        default = self.parameter.default
        if default is ABSENT or self.secret:
            return ""
        if default is None:
            return _("nothing")
        return harmless(default.name if hasattr(default, "name") else default)[:80] or _("empty")

    def shown(self, value: Any) -> Any:
        """Return what the input holds for a value."""
        if self.is_flag:
            given = self.parameter.default if value is ABSENT else value
            return False if given is ABSENT else given
        if value is ABSENT or (value is None and self.optional):
            return ""
        value = masked(value, self.parameter.name)
        try:
            return MASK if self.secret and value == MASK else self.kind.show(value)
        except (TypeError, ValueError):
            return json_text(value)

    def can_show(self, value: Any) -> bool:
        """Whether the input can hold a value so that the same one comes back."""
        value = masked(value, self.parameter.name)
        if self.secret and value == MASK:
            return True
        return (value is None and self.optional) or self.kind.can_show(value)

    def read(self, raw: Any) -> Any:
        """Return the value that an input means, ABSENT for none. :raises ValidationError: if it means nothing"""
        if isinstance(raw, str):
            raw = raw.replace("\r\n", "\n")
        if raw == self._as_sent(self.initial):
            if self.stored is not ABSENT:
                return self.stored
            if self.is_flag:
                return bool(raw) if self.needed else ABSENT
        if raw in ("", None):
            if self.needed:
                raise ValidationError(_("The task needs it."), "required")
            return None if self.parameter.default is ABSENT and self.optional else ABSENT
        if self.secret and raw == MASK:
            raise ValidationError(_("Type it in: only a stored value can be kept."))
        if isinstance(raw, str) and "\x00" in raw:
            raise ValidationError(_("It holds a NUL character, which databases can't store."))
        try:
            value = restored(self.kind.read(raw), self.stored, self.parameter.name)
        except InvalidInput as error:
            raise ValidationError(sentence(error)) from None
        except ValueError as error:
            shown = _("The value") if self.secret else "“" + harmless(shorten(raw)[1:-1]) + "”"
            raise ValidationError(_("%(value)s %(problem)s."), params={"value": shown, "problem": error}) from None
        return self.stored if self.stored is not ABSENT and _same(value, self.stored) else value

    def _as_sent(self, shown: Any) -> Any:
        return shown.replace("\r\n", "\n") if isinstance(shown, str) else shown


def _same(value: Any, other: Any) -> bool:
    return bool(value == other) and isinstance(value, bool) == isinstance(other, bool)


def _label(parameter: Parameter) -> str:
    stars = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
    return stars.get(parameter.kind, "") + parameter.name
