"""Warnings about triggers that are valid but may not mean what was meant; used by the CLI and the admin."""

from __future__ import annotations

from calendar import monthrange
from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron.expressions import (
    AllExpression,
    RangeExpression,
    WeekdayPositionExpression,
)
from django.utils.translation import gettext as _

from scheduler.exceptions import PlanningError

from .base import DOOR_STEPS, Search
from .calendarinterval import CalendarIntervalTrigger
from .clockchanges import clock_changes
from .combining import Combining
from .cron import CrontabTrigger, CronTrigger
from .crontab import weekday_expression
from .fields import month_mask, values
from .interval import IntervalTrigger
from .phrases import month_name, ranges, weekdays
from .spec import adopt
from .zones import UTC, zone_name


def warnings(trigger: BaseTrigger, *, now: datetime | None = None) -> list[str]:
    """Return what somebody should know before relying on a trigger, as plain sentences; mostly none.

    :param now: the moment from which a year of clock changes is looked at; the present unless given
    """
    ours: Any = adopt(trigger)
    now = (now or datetime.now(UTC)).astimezone(UTC)
    found: list[str] = []
    if isinstance(ours, Combining):
        for member in ours.triggers:
            found += [sentence for sentence in warnings(member, now=now) if sentence not in found]
    elif isinstance(ours, CrontabTrigger):
        found += _either_days(ours) + _short_months(ours)
    elif isinstance(ours, CronTrigger):
        found += _no_field(ours) + _numeric_weekday(ours) + _short_months(ours)
    elif isinstance(ours, CalendarIntervalTrigger):
        found += _calendar_days(ours)
    elif isinstance(ours, IntervalTrigger):
        found += _elapsed_days(ours, now)
    found += _wide_jitter(ours, now)
    if isinstance(ours, CronTrigger | CalendarIntervalTrigger):
        found += clock_changes(ours, now)
    return found


def _field(trigger: CronTrigger, name: str) -> Any:
    return next(field for field in trigger.fields if field.name == name)


def _no_field(trigger: CronTrigger) -> list[str]:
    if all(field.is_default for field in trigger.fields):
        return [_("No field is given, so this fires every second. Write second='*' if that is meant.")]
    return []


def _numeric_weekday(trigger: CronTrigger) -> list[str]:
    field = _field(trigger, "day_of_week")
    numeric = [
        expression
        for expression in field.expressions
        if type(expression) is RangeExpression or (type(expression) is AllExpression and expression.step)
    ]
    days = values("day_of_week", str(field))
    if not numeric or len(days) == 7:
        return []
    # Read as standard cron would, where 0 is Sunday.
    standard = sorted((day - 1) % 7 for day in days)
    return [
        _(
            "day_of_week='%(text)s' means %(days)s in APScheduler (0 is Monday). "
            "For %(standard)s write '%(names)s' or crontab='…'."
        )
        % {
            "text": field,
            "days": weekdays(days),
            "standard": weekdays(standard),
            "names": weekday_expression(standard),
        }
    ]


def _either_days(trigger: CrontabTrigger) -> list[str]:
    if not trigger.either:
        return []
    days = weekdays(values("day_of_week", str(_field(trigger, "day_of_week"))))
    return [
        _(
            "Day of month and day of week are both restricted: standard cron fires on days that match either, "
            "so here also on every %s."
        )
        % days
    ]


def _short_months(trigger: CronTrigger) -> list[str]:
    """Name the months without any firing, and the leap day."""
    field = _field(trigger, "day")
    if str(field) == "*" or (isinstance(trigger, CrontabTrigger) and trigger.either):
        return []
    months = values("month", str(_field(trigger, "month")))
    if any(type(expression) is WeekdayPositionExpression for expression in field.expressions):
        if all(str(expression).startswith("5th") for expression in field.expressions):
            return [_("Most months have no %s: those are skipped.") % field]
        return []
    shapes = {month: monthrange(2001, month) for month in months}
    silent = [month for month, shape in shapes.items() if not month_mask("day", str(field), *shape)]
    in_leap_years = 2 in silent and month_mask("day", str(field), 0, 29)
    skipped = [month for month in silent if month != 2 or not in_leap_years]
    found = []
    if skipped and len(skipped) < 12:
        found.append(
            _("Day %(day)s does not exist in %(months)s: skipped there. day='last' is the last day of any month.")
            % {"day": field, "months": ranges(skipped, month_name)}
        )
    if in_leap_years:
        found.append(_("29 February exists in leap years only: in other years February is skipped."))
    return found


def _calendar_days(trigger: CalendarIntervalTrigger) -> list[str]:
    day = trigger.start_date.day
    if day > 28 and trigger._months and not trigger._days:
        if trigger._months % 12 == 0 and trigger.start_date.month != 2:
            return []
        return [_("Counted from day %s of a month: months that have no such day are skipped.") % day]
    return []


def _elapsed_days(trigger: IntervalTrigger, now: datetime) -> list[str]:
    if trigger.interval % timedelta(days=1):
        return []
    offsets = {(now + timedelta(days=day)).astimezone(trigger.timezone).utcoffset() for day in range(0, 366, 15)}
    if len(offsets) == 1:
        return []
    return [
        _(
            "An interval counts elapsed time: when clocks change in %s it fires at another time of day. "
            "For a fixed time of day use a cron or calendarinterval trigger."
        )
        % zone_name(trigger.timezone)
    ]


def _wide_jitter(trigger: Any, now: datetime) -> list[str]:
    if not trigger.jitter:
        return []
    search = Search(steps=DOOR_STEPS)
    try:
        first = trigger.nominal(now, search)
        second = first and trigger.nominal(first, search)
    except PlanningError:  # the door refuses it anyway
        return []
    if not second or timedelta(seconds=trigger.jitter) <= second - first:
        return []
    return [_("The jitter is larger than the time between two firings, so firings may change places.")]
