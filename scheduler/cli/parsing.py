"""Reads what people type as arguments (JSON, numbers, lengths of time, dates); runs in the process of their shell."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from django.utils import timezone as django_timezone

from .. import clock
from ..exceptions import InvalidInput

UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
LENGTH = re.compile(r"(?:\d{1,12}(?:\.\d{1,6})?[smhdw])+|\d{1,12}(?:\.\d{1,6})?", re.ASCII)
PART = re.compile(r"([\d.]+)([smhdw]?)")
NONE = ("none", "")


def text(field: str, given: str) -> str:
    """Return a text that a database can be asked for. :raises InvalidInput: if it holds NUL or half a character"""
    if "\x00" in given or any("\ud800" <= c <= "\udfff" for c in given):
        raise InvalidInput(field, given, "holds a NUL byte or half a character", "Write it in UTF-8.")
    return given


def texts(options: dict[str, Any], *names: str) -> dict[str, str | None]:
    """Return some options, each None or a text that a database can be asked for. :raises InvalidInput: for any other"""
    return {name: None if options[name] is None else text(name, options[name]) for name in names}


def arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Return a task's `args` and `kwargs`, as far as given. :raises InvalidInput: for other JSON"""
    read: dict[str, Callable[[str, str], Any]] = {"args": json_list, "kwargs": json_object}
    given = {name: options[f"task_{name}"] for name in read}
    return {name: read[name](name, text) for name, text in given.items() if text is not None}


def wait_seconds(options: dict[str, Any]) -> float | None:
    """Return `timeout` in seconds. :raises InvalidInput: if it is none, or nothing is to be waited for"""
    if options["timeout"] is None:
        return None
    if not options["wait"]:
        raise InvalidInput("timeout", options["timeout"], "goes with --wait", "Give --wait as well.")
    return seconds("timeout", options["timeout"])


def json_list(field: str, given: str) -> list[Any]:
    """Return a JSON list. :raises InvalidInput: for anything else"""
    value: list[Any] = _json(field, given, list, "a JSON list", """Write it like '["a", 1]'.""")
    return value


def json_object(field: str, given: str, mend: str = """Write it like '{"days": 7}'.""") -> dict[str, Any]:
    """Return a JSON object. :raises InvalidInput: for anything else"""
    value: dict[str, Any] = _json(field, given, dict, "a JSON object", mend)
    return value


def _json(field: str, given: str, kind: type, wanted: str, mend: str) -> Any:
    def refuse_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        value = json.loads(given, parse_constant=refuse_constant)
    except RecursionError:
        raise InvalidInput(field, given, "is nested too deeply", mend) from None
    except ValueError as error:
        raise InvalidInput(field, given, f"is not JSON ({error})", mend) from None
    if not isinstance(value, kind):
        raise InvalidInput(field, given, f"is not {wanted}", mend)
    return value


def whole(field: str, given: str) -> int:
    """Return a whole number. :raises InvalidInput: for anything else"""
    if not re.fullmatch(r"[+-]?\d{1,12}", given.strip(), re.ASCII):
        raise InvalidInput(field, given, "is not a whole number", f"Write for example --{field.replace('_', '-')} 1.")
    return int(given)


def number_in(field: str, given: str, least: float, most: float) -> float:
    """Return a number from `least` to `most`. :raises InvalidInput: for anything else"""
    try:
        value = float(given)
    except ValueError:
        value = math.nan
    if not least <= value <= most:
        raise InvalidInput(field, given, "is not a number in range", f"It takes {least:g} to {most:g}.")
    return value


def whole_in(field: str, given: str, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`. :raises InvalidInput: for anything else"""
    value = whole(field, given)
    if not least <= value <= most:
        raise InvalidInput(field, given, "is out of range", f"It takes {least} to {most}.")
    return value


def seconds(field: str, given: str) -> int | float:
    """Return a length of time (`300`, `300s`, `5m`, `2h`, `1d`, `1h30m`) in seconds, as an int where it is whole.

    :raises InvalidInput: for anything else
    """
    if not LENGTH.fullmatch(given.strip()):
        raise InvalidInput(field, given, "is not a length of time", "Write 300s, 5m, 2h, 1d or 1h30m.")
    total = sum(float(number) * UNITS[unit or "s"] for number, unit in PART.findall(given))
    return int(total) if total == int(total) else total


def or_none(read: Callable[[str, str], Any]) -> Callable[[str, str], Any]:
    """Return a reader that also takes `none`, for an option that can be unset."""
    return lambda field, given: None if given.strip().lower() in NONE else read(field, given)


def since(field: str, given: str) -> datetime:
    """Return the instant that `2h` or `1d` ago was, or that an ISO date names (in TIME_ZONE unless it says otherwise).

    :raises InvalidInput: for anything else
    """
    mend = "Write 2h, 1d, 2026-12-01 or 2026-12-01T09:00."
    try:
        if LENGTH.fullmatch(given.strip()):
            return clock.now() - timedelta(seconds=seconds(field, given))
        at = datetime.fromisoformat(given.strip())
        if at.tzinfo is None:
            at = django_timezone.make_aware(at, django_timezone.get_default_timezone())
        return at.astimezone(UTC)
    except InvalidInput:
        raise
    except (ValueError, OverflowError):
        raise InvalidInput(field, given, "is no time in the past or a date", mend) from None
