"""Triggers as data and back, and what `add_job` takes into one of our triggers; runs in every process."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from inspect import signature
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger as LibraryCalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger as LibraryAndTrigger
from apscheduler.triggers.combining import OrTrigger as LibraryOrTrigger
from apscheduler.triggers.cron import CronTrigger as LibraryCronTrigger
from apscheduler.triggers.date import DateTrigger as LibraryDateTrigger
from apscheduler.triggers.interval import IntervalTrigger as LibraryIntervalTrigger

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

from .base import Schedule
from .calendarinterval import CalendarIntervalTrigger
from .combining import MAX_DEPTH, AndTrigger, Combining, OrTrigger
from .cron import CrontabTrigger, CronTrigger
from .interval import DateTrigger, IntervalTrigger, interval_arguments

TYPES: dict[str, type[Schedule]] = {
    "date": DateTrigger,
    "interval": IntervalTrigger,
    "cron": CronTrigger,
    "calendarinterval": CalendarIntervalTrigger,
    "and": AndTrigger,
    "or": OrTrigger,
}
OURS = (*TYPES.values(), CrontabTrigger)
_EXAMPLE = _('Write {"type": "interval", "minutes": 5} or {"type": "cron", "crontab": "30 6 * * 1-5"}.')


def _parameters(kind: type) -> list[str]:
    return [name for name in signature(kind.__init__).parameters if name != "self"]  # type: ignore[misc]


ARGUMENTS: dict[type, list[str]] = {kind: _parameters(kind) for kind in OURS}


def trigger_from_data(data: Any, *, timezone: str | tzinfo | None = None) -> Schedule:
    """Build a trigger from data such as `{"type": "cron", "hour": 6}`, with APScheduler's argument names.

    :param timezone: the zone if the data names none; without it Django's TIME_ZONE
    :raises InvalidTrigger: for the first thing that is wrong
    """
    return _build(data, timezone, 0)


def _build(data: Any, timezone: Any, depth: int) -> Schedule:
    if isinstance(data, BaseTrigger):
        return adopt(data)
    if not isinstance(data, Mapping):
        raise InvalidTrigger("trigger", data, _("is not an object with a type"), _EXAMPLE)
    if depth > MAX_DEPTH:
        mend = _("Use at most %(most)s levels of and/or.", most=MAX_DEPTH)
        raise InvalidTrigger("trigger", data, _("is nested too deeply"), mend)
    kind = _kind_of(data.get("type"), data)
    given = {key: value for key, value in data.items() if key != "type" and value is not None}
    if "crontab" in given and kind is CronTrigger:
        kind = CrontabTrigger
    _check_names(kind, given)
    given.setdefault("timezone", timezone)
    if issubclass(kind, Combining):
        given["triggers"] = read_triggers(given.get("triggers", ()), given["timezone"], depth + 1)
    return kind(**given)


def _kind_of(name: Any, data: Mapping[Any, Any]) -> type[Schedule]:
    if name is None:
        raise InvalidTrigger("trigger.type", dict(data), _("is missing"), _EXAMPLE)
    if isinstance(name, str) and name in TYPES:
        return TYPES[name]
    raise _unknown_type("trigger.type", name)


def _unknown_type(field: str, name: Any) -> InvalidTrigger:
    near = difflib.get_close_matches(str(name).lower()[:64], TYPES, n=1, cutoff=0.5)
    mend = _("Did you mean %(near)r?", near=near[0]) if near else _("It takes %(wanted)s.", wanted=", ".join(TYPES))
    return InvalidTrigger(field, name, _("is not a type of trigger"), mend)


def _check_names(kind: type[Schedule], given: Mapping[Any, Any]) -> None:
    known = ARGUMENTS[kind]
    for key in given:
        if key in known:
            continue
        shown = key if isinstance(key, str) else repr(key)
        if kind is CrontabTrigger and key in ARGUMENTS[CronTrigger]:
            mend = _("Write either crontab or APScheduler's fields.")
            raise InvalidTrigger(f"trigger.{shown}", given[key], _("can't be combined with crontab"), mend)
        others = types_taking(key)
        likeness = 0.8 if others else 0.6
        near = difflib.get_close_matches(shown.lower().replace("-", "_")[:64], known, n=1, cutoff=likeness)
        mend = _("It takes %(wanted)s.", wanted=", ".join(known))
        if near:
            mend = _("Did you mean %(near)r?", near=near[0])
        elif others:
            mend = _("It is an argument of the trigger %(type)r.", type=others[0])
        raise InvalidTrigger(
            f"trigger.{shown[:64]}", given[key], _("is not an argument of the trigger %(type)r", type=kind.TYPE), mend
        )


def read_triggers(given: Any, timezone: Any = None, depth: int = 1) -> list[Schedule]:
    """Return the members of an and/or trigger, each given as data or as a trigger; errors name the member."""
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence) or not given:
        raise InvalidTrigger(
            "trigger.triggers", given, _("is not a list of triggers"), _('Write [{"type": …}, {"type": …}].')
        )
    found = []
    for position, member in enumerate(given):
        try:
            found.append(_build(member, timezone, depth))
        except InvalidTrigger as error:
            place = f"trigger.triggers[{position}]"
            field = error.field if error.field != "trigger" else ""
            inner = field.removeprefix("trigger.")
            name = f"{place}.{inner}" if inner else place
            raise InvalidTrigger(name, error.value, error.problem, error.mend) from None
    return found


def trigger_to_data(trigger: BaseTrigger) -> dict[str, Any]:
    """Return a trigger as JSON values; `trigger_from_data` makes an equal one of them."""
    ours = adopt(trigger)
    return {"type": ours.TYPE, **ours.arguments()}


def trigger_from_arguments(
    trigger: Any,
    arguments: Mapping[str, Any],
    *,
    crontab: str | None = None,
    timezone: str | tzinfo | None = None,
) -> Schedule:
    """Build a trigger from what `add_job` was given.

    :param trigger: one of APScheduler's aliases, a trigger object, data, or None for crontab or a date
    :param arguments: the arguments of an alias, APScheduler's names
    :param timezone: the zone if the arguments name none
    :raises InvalidTrigger: for the first thing that is wrong
    """
    if isinstance(trigger, BaseTrigger | Mapping):
        if crontab is not None:
            raise InvalidTrigger("crontab", crontab, _("can't be combined with a trigger"), _("Write one of them."))
        if arguments:
            name, value = next(iter(arguments.items()))
            mend = _("Give it to the trigger itself, or pass the trigger's alias such as 'interval'.")
            raise InvalidTrigger(f"trigger.{name}", value, _("can't be combined with a whole trigger"), mend)
        return _build(trigger, timezone, 0)
    if trigger is not None and not isinstance(trigger, str):
        mend = _("It takes %(types)s, a trigger object or data.", types=", ".join(TYPES))
        raise InvalidTrigger("trigger", trigger, _("is not a trigger"), mend)
    if crontab is not None:
        if trigger not in (None, "cron"):
            problem = _("can't be combined with the trigger %(trigger)r", trigger=trigger)
            raise InvalidTrigger("crontab", crontab, problem, _("Leave it out."))
        return _build({**arguments, "crontab": crontab, "type": "cron"}, timezone, 0)
    if trigger is not None and trigger not in TYPES:
        raise _unknown_type("trigger", trigger)
    return _build({**arguments, "type": trigger or "date"}, timezone, 0)


def types_taking(argument: str) -> list[str]:
    """Return the types of triggers that have an argument of this name."""
    return [name for name, kind in TYPES.items() if argument in ARGUMENTS[kind]]


def adopt(trigger: BaseTrigger) -> Schedule:
    """Return our trigger for one of APScheduler's own; one of ours as it is.

    :raises InvalidTrigger: for a class of somebody else's, which could not be stored safely
    """
    kind: type = type(trigger)
    if isinstance(trigger, Schedule) and kind in OURS:
        return trigger
    if kind is LibraryDateTrigger:
        return DateTrigger(trigger.run_date, timezone=trigger.run_date.tzinfo)
    if kind in (LibraryAndTrigger, LibraryOrTrigger):
        combining = AndTrigger if kind is LibraryAndTrigger else OrTrigger
        return combining(list(trigger.triggers), jitter=trigger.jitter)
    if kind in (LibraryIntervalTrigger, LibraryCronTrigger, LibraryCalendarIntervalTrigger):
        common = {name: getattr(trigger, name) for name in ("start_date", "end_date", "timezone", "jitter")}
        if kind is LibraryIntervalTrigger:
            return IntervalTrigger(**interval_arguments(trigger.interval), **common)
        if kind is LibraryCronTrigger:
            fields = {field.name: str(field) for field in trigger.fields if not field.is_default}
            return CronTrigger(**fields, **common)
        parts = {name: getattr(trigger, name) for name in ("years", "months", "weeks", "days")}
        at = {name: getattr(trigger._time, name) for name in ("hour", "minute", "second")}
        return CalendarIntervalTrigger(**parts, **at, **common)
    raise InvalidTrigger(
        "trigger",
        kind.__name__,
        _("is a trigger class that can't be stored"),
        _("Use %(types)s; 'and' and 'or' combine them.", types=", ".join(TYPES)),
    )


def timezone_of(trigger: BaseTrigger) -> tzinfo:
    """Return the zone that a trigger's wall times are in; of an and/or trigger, its first member's."""
    return adopt(trigger).timezone


def replace_timezone(trigger: BaseTrigger, timezone: str | tzinfo) -> Schedule:
    """Return the same trigger in another zone: 09:00 stays 09:00, and so do start, end and run dates.

    An interval runs in elapsed time, so its dates stay the same instants.
    """
    ours = adopt(trigger)
    if isinstance(ours, Combining):
        return type(ours)([replace_timezone(member, timezone) for member in ours.triggers], jitter=ours.jitter)
    arguments: dict[str, Any] = {**ours.arguments(), "timezone": timezone}
    if not isinstance(ours, IntervalTrigger):
        for name in ("run_date", "start_date", "end_date"):
            moment = getattr(ours, name, None)
            if moment is not None and hasattr(moment, "tzinfo"):
                arguments[name] = moment.replace(tzinfo=None)
    return type(ours)(**arguments)
