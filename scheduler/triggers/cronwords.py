"""A cron trigger in plain English, from what it matches and not from how it was written; used where people read it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
    words = _days_and_times(trigger, texts, _months(texts["month"]))
    if texts["week"] != "*":
        words = _("%(words)s, in ISO week %(weeks)s") % {"words": words, "weeks": ranges(values("week", texts["week"]))}
    if texts["year"] != "*":
        words = _("%(words)s, in %(years)s") % {"words": words, "years": texts["year"].replace(",", ", ")}
    return words


def _days_and_times(trigger: CronTrigger, texts: Mapping[str, str], months: str) -> str:
    times, manner = _time(*(values(name, texts[name]) for name in ("hour", "minute", "second")))
    weekday = values("day_of_week", texts["day_of_week"])
    said = {"times": times, "months": months}
    if texts["day"] != "*":
        days = _days(texts["day"], months)
        said["days"] = days if len(weekday) == 7 else _either(days, weekday, trigger)
        return _("%(days)s, %(times)s") % said
    if len(weekday) < 7:
        said["days"] = _weekdays(weekday, months)
        return {
            _LIST: _("%(days)s %(times)s"), _REPEAT: _("%(times)s, %(days)s"), _PLACE: _("%(days)s, %(times)s"),
        }[manner] % said  # fmt: skip
    if manner == _REPEAT:
        return _("%(times)s in %(months)s") % said if months else times
    if manner == _LIST:
        return (_("every day in %(months)s %(times)s") if months else _("every day %(times)s")) % said
    return (_("%(times)s, every day in %(months)s") if months else _("%(times)s, every day")) % said


def _weekdays(days: Sequence[int], months: str) -> str:
    words = weekdays(days) if len(days) > 1 else _("every %(weekday)s") % {"weekday": weekdays(days)}
    return _("%(days)s in %(months)s") % {"days": words, "months": months} if months else words


def _either(days: str, weekday: Sequence[int], trigger: CronTrigger) -> str:
    said = {"days": days, "weekdays": weekdays(weekday, any_of=True)}
    if isinstance(trigger, CrontabTrigger) and trigger.either:
        return _("%(days)s or any %(weekdays)s") % said
    return _("%(days)s if it is %(weekdays)s") % said


def _months(text: str) -> str:
    months = values("month", text)
    return "" if len(months) == 12 else ranges(months, month_name)


def _days(text: str, months: str) -> str:
    """Return the days: "day 1 of every month", "days 1 to 5 of May", "the third Friday of every month"."""
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
    days = values("day", ",".join(numbers)) if numbers else ()
    if len(days) == 31:
        named = [_("every day")]
    elif days:
        named.insert(0, ngettext("day %s", "days %s", len(days)) % ranges(days))
    pattern = _("%(days)s of %(months)s") if months else _("%(days)s of every month")
    return pattern % {"days": join(named), "months": months}


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
            return _within(_("at second %(second)s of every minute") % {"second": seconds[0]}, hours), manner
        said = {"second": seconds[0], "minutes": _minutes(minutes), "hours": _hours(hours)}
        if len(hours) == 24:
            return _("at second %(second)s of %(minutes)s of every hour") % said, manner
        return _("at second %(second)s of %(minutes)s of %(hours)s") % said, manner
    return _whole_minutes(hours, minutes)


def _whole_minutes(hours: Sequence[int], minutes: Sequence[int]) -> tuple[str, str]:
    step = step_of(minutes, 60)
    if step is not None:
        return _within(_every_minutes(step), hours), _REPEAT
    if list(minutes) == [0]:
        hourly = step_of(hours, 24)
        if hourly == 1:
            return _("every hour"), _REPEAT
        if hourly is not None:
            return ngettext("every %(count)s hour", "every %(count)s hours", hourly) % {"count": hourly}, _REPEAT
        if hours[-1] - hours[0] == len(hours) - 1:
            span = {"first": clock(hours[0], 0), "last": clock(hours[-1], 0)}
            return _("every hour from %(first)s to %(last)s") % span, _REPEAT
    if len(hours) == 24:
        return _("at %s of every hour") % _minutes(minutes), _REPEAT
    return _("at %(minutes)s of %(hours)s") % {"minutes": _minutes(minutes), "hours": _hours(hours)}, _PLACE


def _with_seconds(hours: Sequence[int], minutes: Sequence[int], seconds: Sequence[int]) -> str:
    step = step_of(seconds, 60)
    said = {"seconds": _("at seconds %s") % ranges(seconds) if step is None else _every_seconds(step)}
    if len(minutes) == 60:
        return _within(_("%(seconds)s of every minute") % said if step is None else said["seconds"], hours)
    said |= {"minutes": _minutes(minutes), "hours": _hours(hours)}
    if len(hours) == 24:
        return _("%(seconds)s of %(minutes)s of every hour") % said
    return _("%(seconds)s of %(minutes)s of %(hours)s") % said


def _every_seconds(step: int) -> str:
    if step == 1:
        return _("every second")
    return ngettext("every %(count)s second", "every %(count)s seconds", step) % {"count": step}


def _every_minutes(step: int) -> str:
    if step == 1:
        return _("every minute")
    return ngettext("every %(count)s minute", "every %(count)s minutes", step) % {"count": step}


def _minutes(minutes: Sequence[int]) -> str:
    return ngettext("minute %s", "minutes %s", len(minutes)) % ranges(minutes)


def _hours(hours: Sequence[int]) -> str:
    return ngettext("hour %s", "hours %s", len(hours)) % ranges(hours)


def _within(times: str, hours: Sequence[int]) -> str:
    """Return times with the hours in which they are; these are left out where it is every hour."""
    return times if len(hours) == 24 else _("%(times)s of %(hours)s") % {"times": times, "hours": _hours(hours)}
