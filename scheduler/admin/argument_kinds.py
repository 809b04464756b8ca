"""Which input suits a parameter of a task, and how its text becomes a JSON value and back; web process."""

from __future__ import annotations

import enum
import inspect
import json
import math
import types
import typing
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import PurePath
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from .inputs import LocalInput
from .task_signature import ABSENT, Parameter
from .typed_values import json_text, misfit, read_json

NONE = type(None)


@dataclass(frozen=True)
class Kind:
    """One kind of input."""

    words: str
    """What it takes, for people."""
    widget: forms.Widget
    read: Callable[[str], Any]
    """Makes a JSON value of the text. :raises ValueError: saying what is wrong, as the rest of a sentence"""
    show: Callable[[Any], str] = str

    def can_show(self, value: Any) -> bool:
        """Whether the input can hold a stored value so that the same one comes back."""
        try:
            again = self.read(self.show(value))
        except ValueError:
            return False
        return bool(again == value) and isinstance(again, bool) == isinstance(value, bool)


def kind_of(parameter: Parameter) -> tuple[Kind, bool]:
    """Return the kind of input for a parameter, and whether None is one of its values."""
    if parameter.kind is inspect.Parameter.VAR_POSITIONAL:
        return _json(list[Any]), False
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return _json(dict[str, Any]), False
    hint, optional = _plain(parameter.hint)
    if hint is ABSENT and parameter.default not in (ABSENT, None):
        hint = type(parameter.default)
    optional = optional or parameter.default is None
    if hint is bool and optional:
        return _choice({"true": _("yes"), "false": _("no")}), True
    return _kind(hint), optional


def _plain(hint: Any) -> tuple[Any, bool]:
    """Return a type hint without what says nothing of the value (`Annotated`, `NewType`, `Optional`)."""
    while True:
        if typing.get_origin(hint) is typing.Annotated:
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        else:
            break
    if typing.get_origin(hint) not in (typing.Union, types.UnionType):
        return hint, False
    others = [each for each in typing.get_args(hint) if each is not NONE]
    optional = len(others) < len(typing.get_args(hint))
    return (_plain(others[0])[0] if len(others) == 1 else hint), optional


def _kind(hint: Any) -> Kind:
    if typing.get_origin(hint) is typing.Literal:
        return _choice({json_text(value): str(value) for value in typing.get_args(hint)})
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        values = {member.name: member.value for member in hint}
        if values and all(isinstance(value, str | int) for value in values.values()):
            return _choice({json_text(value): name for name, value in values.items()})
    simple = SIMPLE.get(hint) if isinstance(hint, type) else None
    if simple is not None:
        return simple()
    if isinstance(hint, type) and issubclass(hint, PurePath):
        return _text()
    container = typing.get_origin(hint) or hint
    if isinstance(container, type) and issubclass(container, Iterable | Mapping) and container is not str:
        return _json(hint)
    return _free(hint)


def _text() -> Kind:
    return Kind(_("text"), forms.Textarea({"rows": 1, "class": "sched-grow"}), str)


def _number(read: Callable[[str], Any], words: str, step: str) -> Kind:
    def number(text: str) -> Any:
        try:
            value = read(text.strip())
        except ValueError:
            raise ValueError(_("is not %s") % words) from None
        if not math.isfinite(value):
            raise ValueError(_("is not %s") % words)
        return value

    return Kind(words, forms.NumberInput({"step": step}), number, lambda value: repr(value))


def _flag() -> Kind:
    return Kind(_("yes or no"), forms.CheckboxInput(), lambda ticked: ticked in (True, "True"), lambda value: value)


def _moment(of: Any, kind: str, shape: str, words: str, example: str) -> Kind:
    def moment(text: str) -> str:
        try:
            return str(of.fromisoformat(text.strip()).isoformat())
        except ValueError:
            raise ValueError(_("is not %(words)s such as %(example)s") % {"words": words, "example": example}) from None

    return Kind(words, LocalInput(kind, shape), moment)


def _uuid() -> Kind:
    def read(text: str) -> str:
        try:
            uuid.UUID(text.strip())
        except ValueError:
            raise ValueError(_("is not a UUID")) from None
        return text.strip()

    return Kind("UUID", forms.TextInput(), read)


def _choice(choices: dict[str, str]) -> Kind:
    def choose(text: str) -> Any:
        if text not in choices:
            raise ValueError(_("is not one of the choices"))
        return json.loads(text)

    return Kind(_("one of the choices"), forms.Select(choices=list(choices.items())), choose, json_text)


def _json(hint: Any) -> Kind:
    words = _("an object as JSON") if _is_mapping(hint) else _("a list as JSON")

    def read(text: str) -> Any:
        value = read_json(text)
        if problem := misfit(value, hint):
            raise ValueError(problem)
        return value

    example = '{"…": …}' if _is_mapping(hint) else '["…", …]'
    return Kind(words, forms.Textarea({"rows": 1, "class": "sched-grow sched-code", "placeholder": example,
                                       "spellcheck": "false"}), read, json_text)  # fmt: skip


def _is_mapping(hint: Any) -> bool:
    container = typing.get_origin(hint) or hint
    return isinstance(container, type) and issubclass(container, Mapping)


def _free(hint: Any) -> Kind:
    """A value of any type, or of several: JSON where it reads as such, else text."""

    def read(text: str) -> Any:
        try:
            value = read_json(text)
        except ValueError:
            if text.lstrip()[:1] in ("[", "{", '"'):
                raise
            value = text
        if problem := misfit(value, hint):
            raise ValueError(problem)
        return value

    def show(value: Any) -> str:
        if isinstance(value, str) and value.strip()[:1] not in ("[", "{", '"', ""):
            try:
                read_json(value)
            except ValueError:
                return value
        return json_text(value)

    words = _("text, or a number, true, false, null, a list or an object as JSON")
    return Kind(words, forms.Textarea({"rows": 1, "class": "sched-grow"}), read, show)


SIMPLE: dict[type, Callable[[], Kind]] = {
    bool: _flag,
    int: lambda: _number(int, _("a whole number"), "1"),
    float: lambda: _number(float, _("a number"), "any"),
    str: _text,
    date: lambda: _moment(date, "date", r"\d{4}-\d\d-\d\d", _("a date"), "2026-12-01"),
    datetime: lambda: _moment(
        datetime, "datetime-local", r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?", _("a date and time"), "2026-12-01T09:00"
    ),
    time: lambda: _moment(time, "time", r"\d\d:\d\d(:\d\d)?", _("a time"), "09:00"),
    uuid.UUID: _uuid,
}
