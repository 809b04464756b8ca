"""A trigger in plain English, computed from the real trigger; used by the CLI and the admin."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .calendarinterval import CalendarIntervalTrigger
from .combining import AndTrigger, Combining
from .cron import CronTrigger
from .cronwords import describe_cron
from .interval import DateTrigger, IntervalTrigger
from .phrases import clock, join, moment, stamp, weekday_name
from .spec import adopt
from .zones import UTC, zone_name

_SOON = timedelta(minutes=1)


def describe(trigger: BaseTrigger) -> str:
    """Return when a trigger fires, such as "Monday to Friday at 06:30"; times are in the trigger's zone."""
    ours: Any = adopt(trigger)
    if isinstance(ours, DateTrigger):
        return _("once on %s") % moment(ours.run_date)
    if isinstance(ours, IntervalTrigger):
        words = _span(_interval(ours.interval), ours, _shows_start(ours))
    elif isinstance(ours, CalendarIntervalTrigger):
        words = _calendar(ours)
    elif isinstance(ours, Combining):
        words = _combined(ours)
    else:
        assert isinstance(ours, CronTrigger)
        words = _span(describe_cron(ours), ours, ours.start_date is not None)
    if ours.jitter:
        jitter = _length(timedelta(seconds=ours.jitter))
        return _("%(words)s, delayed by up to %(length)s") % {"words": words, "length": jitter}
    return words


def _length(length: timedelta) -> str:
    """Return a length of time in its largest whole unit up to hours."""
    seconds = length.total_seconds()
    if seconds % 3600 == 0:
        hours = int(seconds // 3600)
        return ngettext("%(count)s hour", "%(count)s hours", hours) % {"count": hours}
    if seconds % 60 == 0:
        minutes = int(seconds // 60)
        return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}
    return _("1 second") if seconds == 1 else _("%(count)s seconds") % {"count": f"{seconds:.15g}"}


def _interval(interval: timedelta) -> str:
    if interval in (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)):
        return {1: _("every second"), 60: _("every minute"), 3600: _("every hour")}[interval.seconds]
    words = _("every %(length)s") % {"length": _length(interval)}
    return words if interval % timedelta(days=1) else _("%(words)s (elapsed time)") % {"words": words}


def _shows_start(trigger: IntervalTrigger) -> bool:
    """An interval always has a start; it is worth words if firing has limits or has not begun for long."""
    return trigger.end_date is not None or trigger._start > datetime.now(UTC) + trigger.interval + _SOON


def _span(words: str, trigger: Any, with_start: bool) -> str:
    """Return the words with the dates between which the trigger fires."""
    if with_start:
        words = _("%(words)s from %(start)s") % {"words": words, "start": stamp(trigger.start_date)}
    return words if trigger.end_date is None else _until(words, stamp(trigger.end_date))


def _until(words: str, end: str) -> str:
    return _("%(words)s until %(end)s") % {"words": words, "end": end}


def _calendar(trigger: CalendarIntervalTrigger) -> str:
    units = (
        (trigger.years, _("year"), ngettext("%(count)s year", "%(count)s years", trigger.years)),
        (trigger.months, _("month"), ngettext("%(count)s month", "%(count)s months", trigger.months)),
        (trigger.weeks, _("week"), ngettext("%(count)s week", "%(count)s weeks", trigger.weeks)),
        (trigger.days, _("day"), ngettext("%(count)s day", "%(count)s days", trigger.days)),
    )
    used = [unit for unit in units if unit[0]]
    alone = len(used) == 1 and used[0][0] == 1
    parts = [name if alone else counted % {"count": count} for count, name, counted in used]
    at = clock(trigger._time.hour, trigger._time.minute, trigger._time.second)
    words = _("every %(interval)s at %(time)s") % {"interval": join(parts), "time": at}
    start = trigger.start_date
    words = _("%(words)s, counted from %(weekday)s %(date)s") % {
        "words": words,
        "weekday": weekday_name(start.weekday()),
        "date": start.isoformat(),
    }
    return words if trigger.end_date is None else _until(words, trigger.end_date.isoformat())


def _combined(trigger: Combining) -> str:
    zones = {zone_name(member.timezone) for member in trigger.triggers}
    parts = []
    for member in trigger.triggers:
        words = describe(member)
        if isinstance(member, Combining):
            words = _("(%(words)s)") % {"words": words}
        if len(zones) > 1:
            words = _("%(words)s (%(zone)s)") % {"words": words, "zone": zone_name(member.timezone)}
        parts.append(words)
    if len(parts) == 1:
        return parts[0]
    link = _(", whenever that is also: ") if isinstance(trigger, AndTrigger) else _("; and also ")
    return link.join(parts)
