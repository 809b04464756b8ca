"""Schedules as people think of them, and as the data of a trigger, there and back without loss; web process."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from ..exceptions import SchedulerError
from ..triggers import alike, trigger_from_data, trigger_to_data
from ..triggers.fields import values
from .typed_values import json_text

Values = dict[str, Any]
UNITS = ("seconds", "minutes", "hours", "days", "weeks")
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
POSITIONS = ("1st", "2nd", "3rd", "4th", "last")
DAYS_OF_MONTH = (*map(str, range(1, 32)), "last", *(f"{position} …" for position in POSITIONS))
"""A day by its number, the last one, or by a position that a weekday completes."""
MOST_PARTS = 5
"""Parts that a combined schedule may have on the page; one with more is shown as data."""


def to_data(kind: str, given: Values) -> Values:
    """Return the data of a trigger.

    :param kind: of `KINDS`
    :param given: what the fields of this kind hold, as text; empty ones may be missing
    """
    if kind == "data":
        return {**({"timezone": given["timezone"]} if given.get("timezone") else {}), **given["trigger_json"]}
    if kind == "combined":
        common = {name: given[name] for name in ("timezone", "start", "end") if given.get(name)}
        parts = [to_data(part["kind"], {**common, **part}) for part in given["parts"]]
        return _without_blanks({"type": given.get("link") or "or", "triggers": parts, "jitter": given.get("jitter")})
    common = {"timezone": given.get("timezone"), "jitter": given.get("jitter")}
    if kind != "once":
        common |= {"start_date": given.get("start"), "end_date": given.get("end")}
    return _without_blanks({**common, **KINDS[kind](given)})


def _without_blanks(data: Values) -> Values:
    return {name: value for name, value in data.items() if value not in (None, "")}


def _clock(given: Values) -> Values:
    hour, minute, second = ([int(part) for part in given["time"].split(":")] + [0])[:3]
    return {"hour": hour, "minute": minute, **({"second": second} if second else {})}


def _interval(given: Values) -> Values:
    return {"type": "interval", given["unit"]: given["every"], "start_date": given.get("counted_from")}


def _monthly(given: Values) -> Values:
    on = given["on"]
    day = f"{on.removesuffix(' …')} {given['weekday']}" if on.endswith("…") else on
    return {"type": "cron", "day": day, **_clock(given)}


KINDS: dict[str, Callable[[Values], Values]] = {
    "interval": _interval,
    "daily": lambda given: {"type": "cron", **_clock(given)},
    "weekly": lambda given: {"type": "cron", "day_of_week": ",".join(given["days"]), **_clock(given)},
    "monthly": _monthly,
    "crontab": lambda given: {"type": "cron", "crontab": given["crontab"]},
    "once": lambda given: {"type": "date", "run_date": given["run_date"], "jitter": None},
}


def from_trigger(trigger: BaseTrigger) -> tuple[str, Values]:
    """Return the kind and the fields that show a trigger. What no kind can say comes back as data."""
    data = trigger_to_data(trigger)
    if data["type"] in ("and", "or") and len(data["triggers"]) <= MOST_PARTS:
        kind, given = "combined", _combined(data)
    else:
        kind, given = _plain(data)
    return (kind, given) if _comes_back(kind, given, trigger) else ("data", _as_data(data))


def _comes_back(kind: str, given: Values, trigger: BaseTrigger) -> bool:
    try:
        return alike(trigger_from_data(to_data(kind, given)), trigger)
    except (SchedulerError, KeyError, ValueError, AttributeError):
        return False


def _as_data(data: Values) -> Values:
    return {"trigger_json": data, "timezone": data.get("timezone", "")}


def _plain(data: Values) -> tuple[str, Values]:
    """Return the kind that data look like; whether it says all of them is not sure yet."""
    given: Values = {
        "timezone": data.get("timezone", ""),
        "jitter": data.get("jitter", ""),
        "start": wall(data.get("start_date")),
        "end": wall(data.get("end_date")),
    }
    if data["type"] == "date":
        return "once", {**given, "run_date": wall(data["run_date"])}
    if data["type"] == "interval":
        unit = next((unit for unit in UNITS if unit in data), "seconds")
        return "interval", {**given, "start": "", "every": data.get(unit), "unit": unit, "counted_from": given["start"]}
    if "crontab" in data:
        return "crontab", {**given, "crontab": data["crontab"]}
    given["time"] = ":".join(f"{part:0>2}" for part in _time_of(data))
    if "day" in data:
        position, _space, weekday = str(data["day"]).partition(" ")
        on = f"{position} …" if weekday else position
        given |= {"on": on, "weekday": weekday}
        return ("monthly" if on in DAYS_OF_MONTH else "data"), given
    if "day_of_week" in data:
        days = values("day_of_week", data["day_of_week"])
        return "weekly", {**given, "days": [WEEKDAYS[day] for day in days]}
    return "daily", given


def _time_of(data: Values) -> list[str]:
    parts = [data.get("hour", "0"), data.get("minute", "0"), data.get("second", "0")]
    return parts if parts[2] != "0" else parts[:2]


def _combined(data: Values) -> Values:
    members = data["triggers"]
    starts = [wall(member.get("start_date")) for member in members if member["type"] == "cron"]
    given: Values = {
        "link": data["type"],
        "jitter": data.get("jitter", ""),
        "timezone": next((member["timezone"] for member in members if "timezone" in member), ""),
        "start": starts[0] if starts else "",
        "end": wall(members[0].get("end_date")),
    }
    common = {name: given[name] for name in ("timezone", "start", "end")}
    given["parts"] = [_part(member, common) for member in members]
    return given


def _part(member: Values, common: Values) -> Values:
    trigger = trigger_from_data(member)
    if member["type"] not in ("and", "or"):
        kind, fields = _plain(member)
        own = {name: value for name, value in fields.items() if name not in ("timezone", "start", "end", "jitter")}
        if _comes_back(kind, {**common, **own}, trigger):
            return {"kind": kind, **own}
    return {"kind": "data", "trigger_json": member}


def wall(text: str | None) -> str:
    """Return the wall time of a stored instant, as a browser's input for date and time takes it."""
    if not text:
        return ""
    moment = datetime.fromisoformat(text).replace(tzinfo=None)
    return moment.isoformat(timespec="minutes" if not (moment.second or moment.microsecond) else "auto")


def as_text(data: Any) -> str:
    """Return the data of a trigger as JSON to read and edit."""
    return json_text(data, 2)
