"""A cron trigger in plain English, from what it matches and not from how it was written; used where people read it."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .cron import CrontabTrigger, CronTrigger
from .fields import values
from .phrases import clock, join, month_name, ordinal, ranges, step_of, weekday_name, weekdays

_LISTED = 6
"""Times of day up to so many are listed one by one."""
_LIST, _REPEAT, _PLACE = "list", "repeat", "place"
"""How times read, which decides where the days go: "at 06:30", "every 5 minutes", "at minute 23 of hours 19 to 21"."""


def describe_cron(trigger: CronTrigger) -> str:
    """Return when a cron trigger fires, without its dates and jitter."""
    texts = {field.name: str(field) for field in trigger.fields}
    time, manner = _time(*(values(name, texts[name]) for name in ("hour", "minute", "second")))
    in_months = _months(texts["month"], _(" in %s"))
    of_months = _months(texts["month"], _(" of %s")) or _(" of every month")
    days = values("day_of_week", texts["day_of_week"])
    if texts["day"] != "*":
        words = _days(texts["day"], of_months)
        if len(days) < 7:
            words += _either(days, trigger)
        words += f", {time}"
    elif len(days) < 7:
        words = (_("every %s") % weekdays(days) if len(days) == 1 else weekdays(days)) + in_months
        words = {_LIST: f"{words} {time}", _REPEAT: f"{time}, {words}", _PLACE: f"{words}, {time}"}[manner]
    elif manner == _LIST:
        words = _("every day%(months)s %(times)s") % {"months": in_months, "times": time}
    elif manner == _REPEAT:
        words = time + in_months
    else:
        words = _("%(times)s, every day%(months)s") % {"times": time, "months": in_months}
    if texts["week"] != "*":
        words += _(", in ISO week %s") % ranges(values("week", texts["week"]))
    if texts["year"] != "*":
        words += _(", in %s") % texts["year"].replace(",", ", ")
    return words


def _either(days: Sequence[int], trigger: CronTrigger) -> str:
    names = weekdays(days, any_of=True)
    if isinstance(trigger, CrontabTrigger) and trigger.either:
        return _(" or any %s") % names
    return _(" if it is %s") % names


def _months(text: str, pattern: str) -> str:
    months = values("month", text)
    return "" if len(months) == 12 else pattern % ranges(months, month_name)


def _days(text: str, of_months: str) -> str:
    """Return the days of the month: "day 1", "days 1 to 5", "the third Friday", "the last day"."""
    numbers: list[str] = []
    named: list[str] = []
    for part in text.split(","):
        position, _space, weekday = part.partition(" ")
        if part == "last":
            named.append(_("the last day"))
        elif weekday:
            number = ("1st", "2nd", "3rd", "4th", "5th", "last").index(position)
            name = weekday_name(("mon", "tue", "wed", "thu", "fri", "sat", "sun").index(weekday))
            named.append(_("the %(position)s %(weekday)s") % {"position": ordinal(number), "weekday": name})
        else:
            numbers.append(part)
    if not numbers:
        return join(named) + of_months
    days = values("day", ",".join(numbers))
    if len(days) == 31:
        return _("every day") + of_months
    shown = ngettext("day %s", "days %s", len(days)) % ranges(days)
    return join([shown, *named]) + of_months


def _time(hours: Sequence[int], minutes: Sequence[int], seconds: Sequence[int]) -> tuple[str, str]:
    """Return the times of day in words, and how they read."""
    many = len(hours) * len(minutes) * len(seconds)
    run = len(hours) > 2 and hours[-1] - hours[0] == len(hours) - 1 and len(minutes) * len(seconds) == 1
    if many <= _LISTED and not (run and (minutes[0] or seconds[0])):
        times = [clock(hour, minute, second) for hour in hours for minute in minutes for second in seconds]
        return _("at %s") % join(times), _LIST
    manner = _REPEAT if len(hours) == 24 else _PLACE
    if len(seconds) > 1:
        words = _with_seconds(hours, minutes, seconds)
        return words, manner if step_of(seconds, 60) is None else _REPEAT
    if seconds[0]:
        if len(minutes) == 60:
            words = _("at second %(second)s of every minute") % {"second": seconds[0]}
            return words + _hours(hours, _(" of %s")), manner
        words = _("at second %(second)s of %(minutes)s") % {"second": seconds[0], "minutes": _minutes(minutes)}
        return words + (_hours(hours, _(" of %s")) or _(" of every hour")), manner
    return _whole_minutes(hours, minutes)


def _whole_minutes(hours: Sequence[int], minutes: Sequence[int]) -> tuple[str, str]:
    step = step_of(minutes, 60)
    if step is not None:
        return _every_minutes(step) + _hours(hours, _(" of %s")), _REPEAT
    if list(minutes) == [0]:
        hourly = step_of(hours, 24)
        if hourly is not None:
            return ngettext("every hour", "every %(count)s hours", hourly) % {"count": hourly}, _REPEAT
        if hours[-1] - hours[0] == len(hours) - 1:
            span = {"first": clock(hours[0], 0), "last": clock(hours[-1], 0)}
            return _("every hour from %(first)s to %(last)s") % span, _REPEAT
    if len(hours) == 24:
        return _("at %s of every hour") % _minutes(minutes), _REPEAT
    return _("at %(minutes)s of %(hours)s") % {"minutes": _minutes(minutes), "hours": _hours(hours, "%s")}, _PLACE


def _with_seconds(hours: Sequence[int], minutes: Sequence[int], seconds: Sequence[int]) -> str:
    step = step_of(seconds, 60)
    if step is not None:
        words = ngettext("every second", "every %(count)s seconds", step) % {"count": step}
    else:
        words = _("at seconds %s") % ranges(seconds)
    if len(minutes) < 60:
        hourly = _hours(hours, _(" of %s")) or _(" of every hour")
        return words + _(" of %s") % _minutes(minutes) + hourly
    if step is None:
        words += _(" of every minute")
    return words + _hours(hours, _(" of %s"))


def _every_minutes(step: int) -> str:
    return ngettext("every minute", "every %(count)s minutes", step) % {"count": step}


def _minutes(minutes: Sequence[int]) -> str:
    return ngettext("minute %s", "minutes %s", len(minutes)) % ranges(minutes)


def _hours(hours: Sequence[int], pattern: str) -> str:
    if len(hours) == 24:
        return ""
    return pattern % (ngettext("hour %s", "hours %s", len(hours)) % ranges(hours))
