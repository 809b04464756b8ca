"""Holds a job's arguments against what its task takes, and against what can be stored; any process."""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping
from typing import Any

from celery import Task

from . import conf
from .exceptions import InvalidInput
from .known_tasks import registered_tasks
from .said import said as _
from .secrets import mask, mask_arguments


def check_arguments(name: str, args: Any, kwargs: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return a job's arguments as JSON will give them back.

    :raises InvalidInput: if they are not JSON, too big, or don't fit the signature of the task (where it is known here)
    """
    if isinstance(args, str | bytes) or not hasattr(args, "__iter__") or isinstance(args, Mapping):
        raise InvalidInput("args", args, _("is not a list"), _('Write a JSON list such as ["a", 1].'))
    if not isinstance(kwargs, Mapping):
        raise InvalidInput("kwargs", kwargs, _("is not a dict"), _('Write a JSON object such as {"days": 7}.'))
    args, kwargs = _as_json("args", list(args)), _as_json("kwargs", dict(kwargs))
    for key in kwargs:
        if not isinstance(key, str):
            raise InvalidInput("kwargs", key, _("is not a name"), _("Argument names are strings."))
    task = registered_tasks().get(name)
    if task is not None:
        _check_signature(task, args, kwargs)
    return args, kwargs


def _as_json(field: str, value: Any) -> Any:
    try:
        text = json.dumps(value, allow_nan=False)
        encoded = text.encode()
        again = json.loads(text)
    except RecursionError:
        raise InvalidInput(field, type(value).__name__, _("is nested too deeply"), _("Pass a flatter value.")) from None
    except (TypeError, ValueError) as error:
        raise InvalidInput(
            field,
            mask(value),
            _("can't be stored as JSON (%(error)s)", error=error),
            _("Pass strings, numbers, booleans, lists and dicts."),
        ) from None
    most = conf.get("MAX_ARGUMENT_BYTES")
    if len(encoded) > most:
        raise InvalidInput(
            field, f"{len(encoded)} bytes", _("is over the limit of %(most)s bytes", most=most),
            _("Store the data elsewhere and pass its name (SCHEDULER['MAX_ARGUMENT_BYTES'] sets the limit)."),
        )  # fmt: skip
    if "\\u0000" in text or "\\ud" in text:
        _check_text(field, again)
    return again


def _check_text(field: str, value: Any) -> None:
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise InvalidInput(field, value, _("holds a NUL byte or half a character"), _("Databases can't store it."))
    elif isinstance(value, list):
        for item in value:
            _check_text(field, item)
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(field, key)
            _check_text(field, item)


def _check_signature(task: Task, args: list[Any], kwargs: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(task.run)
    except (TypeError, ValueError):  # a task whose body is written in C tells nothing
        return
    try:
        signature.bind(*args, **kwargs)
    except TypeError as error:
        shown_args, shown_kwargs = mask_arguments(task.name, args, kwargs)
        field, given = ("kwargs", shown_kwargs) if kwargs else ("args", shown_args)
        problem = _("doesn't fit %(task)s: %(error)s", task=task.name, error=error)
        if not given:
            problem = _("doesn't fit %(task)s: %(error)s (no arguments were given)", task=task.name, error=error)
        raise InvalidInput(
            field, given, problem, _("It takes %(wanted)s.", wanted=_readable(task, signature))
        ) from None


def _readable(task: Task, signature: inspect.Signature) -> inspect.Signature:
    """Return a signature without quotes around what `from __future__ import annotations` has left as text."""
    try:
        return inspect.signature(task.run, eval_str=True)
    except Exception:  # an annotation may name what is imported for type checkers alone
        bare = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
        return signature.replace(parameters=bare, return_annotation=signature.empty)
