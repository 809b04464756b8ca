"""Reads JSON that people typed, and holds a value against a type hint; web process."""

from __future__ import annotations

import collections.abc
import json
import types
import typing
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

NONE = type(None)
LISTS = (list, tuple, set, frozenset, collections.abc.Iterable)


def json_text(value: Any, indent: int | None = None) -> str:
    """Return a value as JSON, with its letters as they are."""
    return json.dumps(value, ensure_ascii=False, indent=indent)


def read_json(text: str) -> Any:
    """Return what JSON says. :raises ValueError: saying what is wrong, as the rest of a sentence"""
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        where = {"line": error.lineno, "column": error.colno, "problem": error.msg}
        raise ValueError(_("is not JSON: line %(line)d, column %(column)d: %(problem)s") % where) from None
    except RecursionError:
        raise ValueError(_("is nested too deeply")) from None


def _refuse(constant: str) -> Any:
    raise ValueError(_("holds %s, which JSON does not know") % constant)


def misfit(value: Any, hint: Any) -> str:
    """Return why a JSON value can't be meant for a type hint, as the rest of a sentence; empty where it may be."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        problems = [misfit(value, each) for each in arguments]
        return "" if not all(problems) else _(" or ").join(dict.fromkeys(problems))
    if origin is typing.Annotated:
        return misfit(value, arguments[0])
    if origin is typing.Literal:
        shown = ", ".join(json_text(each) for each in arguments)
        return "" if value in arguments else _("is none of %s") % shown
    if hint in (NONE, None):
        return "" if value is None else _("is not null")
    kind = origin or hint
    if not isinstance(kind, type):
        return ""
    if issubclass(kind, Mapping):
        if not isinstance(value, dict):
            return _("is not an object such as {“name”: “value”}")
        return _misfit_of_items(value, arguments[1] if len(arguments) == 2 else Any)
    if issubclass(kind, LISTS) and not issubclass(kind, str | bytes):
        if not isinstance(value, list):
            return _("is not a list such as [“a”, “b”]")
        alike = len(arguments) == 1 or (len(arguments) == 2 and arguments[1] is Ellipsis)
        return _misfit_of_items(dict(enumerate(value, 1)), arguments[0] if alike else Any)
    words, accepted = PLAIN.get(kind, ("", None))
    if accepted is None or (isinstance(value, accepted) and (kind is bool or not isinstance(value, bool))):
        return ""
    return str(_("is not %s") % words)


def _misfit_of_items(items: Mapping[Any, Any], hint: Any) -> str:
    for key, item in items.items():
        if problem := misfit(item, hint):
            return _("has an item, %(key)s, that %(problem)s") % {"key": key, "problem": problem}
    return ""


PLAIN: dict[type, tuple[Any, Any]] = {
    bool: (gettext_lazy("true or false"), bool),
    int: (gettext_lazy("a whole number"), int),
    float: (gettext_lazy("a number"), int | float),
    str: (gettext_lazy("text"), str),
}
