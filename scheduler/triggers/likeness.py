"""Tells whether two triggers mean the same, however they are written; used by the admin."""

from __future__ import annotations

from typing import Any

from apscheduler.triggers.base import BaseTrigger

from .combining import Combining
from .cron import CronTrigger
from .fields import values
from .spec import adopt

SETS = ("month", "day_of_week", "hour", "minute", "second")
"""Fields of which only the values count: `1-5` is `tue,wed,thu,fri,sat`."""


def alike(one: BaseTrigger, other: BaseTrigger) -> bool:
    """Whether two triggers have the same firings, as far as their fields tell. (Not every such pair is found.)"""
    mine, theirs = adopt(one), adopt(other)
    if type(mine) is not type(theirs):
        return False
    if isinstance(mine, Combining) and isinstance(theirs, Combining):
        if mine.jitter != theirs.jitter or len(mine.triggers) != len(theirs.triggers):
            return False
        return all(alike(*pair) for pair in zip(mine.triggers, theirs.triggers, strict=True))
    if type(mine) is CronTrigger and type(theirs) is CronTrigger:
        return _meaning(mine) == _meaning(theirs)
    return mine == theirs


def _meaning(trigger: CronTrigger) -> tuple[Any, ...]:
    fields = [values(field.name, str(field)) if field.name in SETS else str(field) for field in trigger.fields]
    return (fields, trigger._calendar.elapsed, trigger._common_arguments())
