"""When a job fires: APScheduler's trigger classes with our rules; knows nothing of models, used in every process."""

from __future__ import annotations

from .advice import warnings
from .base import Schedule
from .calendarinterval import CalendarIntervalTrigger
from .clockchanges import touched
from .combining import AndTrigger, OrTrigger
from .counting import hourly
from .cron import CrontabTrigger, CronTrigger
from .firing import check_fires, first_fire_time, next_fire_time, upcoming
from .interval import DateTrigger, IntervalTrigger
from .likeness import alike
from .pace import Pace, pace
from .spec import (
    replace_timezone,
    timezone_of,
    trigger_from_arguments,
    trigger_from_data,
    trigger_to_data,
    types_taking,
)
from .words import describe

__all__ = [
    "AndTrigger",
    "CalendarIntervalTrigger",
    "CronTrigger",
    "CrontabTrigger",
    "DateTrigger",
    "IntervalTrigger",
    "OrTrigger",
    "Pace",
    "Schedule",
    "alike",
    "check_fires",
    "describe",
    "first_fire_time",
    "hourly",
    "next_fire_time",
    "pace",
    "replace_timezone",
    "timezone_of",
    "touched",
    "trigger_from_arguments",
    "trigger_from_data",
    "trigger_to_data",
    "types_taking",
    "upcoming",
    "warnings",
]
