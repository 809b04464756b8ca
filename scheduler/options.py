"""The options of a job: their names, types and what they accept; for `jobs.py` and the registry, any process."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from .exceptions import InvalidInput
from .models import CatchUp, OnLost, Overlap
from .said import said as _

Check = Callable[[str, Any], Any]


def _seconds(field: str, value: Any) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e9:
        raise InvalidInput(field, value, _("is not a number of seconds above 0"), _("Leave it out for no limit."))
    return float(value)


def _whole_seconds(field: str, value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 2**31:
        raise InvalidInput(
            field, value, _("is not a whole number of seconds above 0"), _("Leave it out for no deadline.")
        )
    return value


def _count(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value < 2**31:
        raise InvalidInput(field, value, _("is not a whole number from 1"), "")
    return value


def _priority(field: str, value: Any) -> int | None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 255):
        raise InvalidInput(field, value, _("is not a whole number from 0 to 255"), _("Redis knows 0 (first) to 9."))
    return value


def _choice(choices: Any) -> Check:
    def check(field: str, value: Any) -> str:
        if value not in choices.values:
            raise InvalidInput(
                field, value, _("is not a choice"), _("Choose one of %(choices)s.", choices=", ".join(choices.values))
            )
        return str(value)

    return check


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InvalidInput(field, value, _("is neither True nor False"), "")
    return value


def _text(most: int) -> Check:
    def check(field: str, value: Any) -> str:
        if not isinstance(value, str):
            raise InvalidInput(field, value, _("is not text"), "")
        if len(value) > most or "\x00" in value or any("\ud800" <= c <= "\udfff" for c in value):
            raise InvalidInput(field, value, _("is over %(most)s characters or holds a NUL byte", most=most), "")
        return value

    return check


def _queue(field: str, value: Any) -> str:
    if value in (None, ""):
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"[\w.:@/+-]{1,255}", value):
        raise InvalidInput(field, value, _("is not a queue name"), _("Use letters, digits and . _ - : / @ +"))
    return value


def _tags(field: str, value: Any) -> list[str]:
    if isinstance(value, str) or not hasattr(value, "__iter__"):
        raise InvalidInput(field, value, _("is not a list of tags"), _('Write ["reports", "nightly"].'))
    tags = list(value)
    for tag in tags:
        if not isinstance(tag, str) or not re.fullmatch(r"[\w.:/+ -]{1,50}", tag):
            raise InvalidInput(field, tag, _("is not a tag"), _("Use up to 50 letters, digits and . _ - : / +"))
    return sorted(set(tags))


CHECKS: dict[str, Check] = {
    "queue": _queue,
    "priority": _priority,
    "expires": _seconds,
    "time_limit": _seconds,
    "soft_time_limit": _seconds,
    "max_instances": _count,
    "overlap": _choice(Overlap),
    "misfire_grace_time": _whole_seconds,
    "catch_up": _choice(CatchUp),
    "on_lost": _choice(OnLost),
    "run_at_start": _flag,
    "description": _text(10_000),
    "tags": _tags,
    "owner": _text(150),
    "name": _text(255),
}
DEFAULTS: dict[str, Any] = {
    "queue": "", "priority": None, "expires": None, "time_limit": None, "soft_time_limit": None, "max_instances": 1,
    "overlap": Overlap.SKIP.value, "misfire_grace_time": None, "catch_up": CatchUp.ONE.value,
    "on_lost": OnLost.FAIL.value, "run_at_start": False, "description": "", "tags": [], "owner": "", "name": "",
}  # fmt: skip


def split(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split keyword arguments into checked options and what is left for the trigger.

    APScheduler's `coalesce=True/False` is understood as `catch_up="one"/"all"`; `jobstore` and `executor` may only be
    "default", since Celery's workers are the executor.

    :raises InvalidInput: for the first option that is wrong
    """
    options: dict[str, Any] = {}
    rest: dict[str, Any] = {}
    for field, value in given.items():
        if field == "coalesce":
            options["catch_up"] = CatchUp.ONE.value if _flag(field, value) else CatchUp.ALL.value
        elif field in ("jobstore", "executor"):
            if value not in ("default", None):
                raise InvalidInput(field, value, _("is not known"), _("Choose the worker with queue=…"))
        elif field in CHECKS:
            options[field] = CHECKS[field](field, value)
        else:
            rest[field] = value
    soft, hard = options.get("soft_time_limit"), options.get("time_limit")
    if soft and hard and soft > hard:
        raise InvalidInput(
            "soft_time_limit",
            soft,
            _("is over the time_limit of %(hard)s", hard=hard),
            _("Let the soft one come first."),
        )
    return options, rest


def refuse_unknown(fields: Mapping[str, Any], more: tuple[str, ...] = ()) -> None:
    """:raises InvalidInput: for the first name in `fields` that is no option, naming the nearest one"""
    for field, value in fields.items():
        near = difflib.get_close_matches(field, [*CHECKS, *more], n=1, cutoff=0.5)
        mend = (
            _("Did you mean %(near)s?", near=near[0])
            if near
            else _("The options are %(options)s.", options=", ".join(sorted(CHECKS)))
        )
        raise InvalidInput(field, value, _("is not an option of a job"), mend)
