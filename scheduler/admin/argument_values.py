"""Spreads arguments over the parameters of a task, and gathers them again; web process."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from .task_signature import POSITIONAL, Parameter

BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


class Unfit(ValueError):
    """A parameter's value can't be passed: which one, and why, as the rest of a sentence."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.name, self.problem = name, problem


def spread(parameters: list[Parameter], args: list[Any], kwargs: dict[str, Any]) -> dict[str, Any] | None:
    """Return the value of each parameter that is given; None where the arguments don't fit the parameters."""
    signature = inspect.Signature([inspect.Parameter(each.name, each.kind) for each in parameters])
    try:
        found = dict(signature.bind_partial(*args, **kwargs).arguments)
    except TypeError:
        return None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def gather(parameters: list[Parameter], values: Mapping[str, Any], positional: int) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments that pass `values`.

    :param values: by the parameters' names
    :param positional: how many are passed by their place where that is a choice; others go by their names
    :raises Unfit: if a value can't be passed, because one before it is missing
    """
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    missing = ""
    rest = any(each.kind is inspect.Parameter.VAR_POSITIONAL and values.get(each.name) for each in parameters)
    for place, each in enumerate(parameters):
        value = values.get(each.name)
        if each.kind is inspect.Parameter.VAR_POSITIONAL:
            args += value or []
        elif each.kind is inspect.Parameter.VAR_KEYWORD:
            for key in value or {}:
                if any(key == other.name for other in parameters if other.kind in BY_NAME):
                    raise Unfit(each.name, _("holds “%s”, which has a field of its own") % key)
            kwargs |= value or {}
        elif each.name not in values:
            missing = missing or each.name
        elif each.kind in POSITIONAL and (rest or place < positional or each.kind is inspect.Parameter.POSITIONAL_ONLY):
            if not missing:
                args.append(value)
            elif rest or each.kind is inspect.Parameter.POSITIONAL_ONLY:
                raise Unfit(missing, _("has to be filled in, because an argument after it goes by its place"))
            else:
                kwargs[each.name] = value
        else:
            kwargs[each.name] = value
        if rest and missing and each.kind in POSITIONAL:
            raise Unfit(missing, _("has to be filled in, because an argument after it goes by its place"))
    return args, kwargs
