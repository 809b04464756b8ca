"""Triggers that combine others with "and" and "or"; evaluated by the engine, built everywhere."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from apscheduler.triggers.combining import AndTrigger as LibraryAndTrigger
from apscheduler.triggers.combining import OrTrigger as LibraryOrTrigger

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

from .base import MICROSECOND, Schedule, Search
from .values import read_jitter

MAX_TRIGGERS = 20
MAX_DEPTH = 3
_DISAGREE = _("the triggers under 'and' did not agree on a time")
_MEND = _('Write "triggers": [{"type": …}, {"type": …}].')


class Combining(Schedule):
    """What AND and OR share: a list of triggers, stored as data and never by the names of classes.

    Firing times are shown in the zone of the first trigger.
    """

    jitter: float | None
    triggers: list[Schedule]

    def __init__(self, triggers: Any, jitter: Any = None, timezone: Any = None) -> None:
        from .spec import read_triggers

        if isinstance(triggers, str | bytes) or not isinstance(triggers, list | tuple) or not triggers:
            raise InvalidTrigger("trigger.triggers", triggers, _("is not a list of triggers"), _MEND)
        if len(triggers) > MAX_TRIGGERS:
            problem = _("has %(count)s triggers", count=len(triggers))
            raise InvalidTrigger(
                "trigger.triggers", triggers, problem, _("It takes %(most)s at most.", most=MAX_TRIGGERS)
            )
        self.triggers = read_triggers(triggers, timezone)
        if depth_of(self) > MAX_DEPTH:
            raise InvalidTrigger(
                "trigger.triggers",
                triggers,
                _("is nested too deeply"),
                _("Use at most %(most)s levels of and/or.", most=MAX_DEPTH),
            )
        self.timezone = self.triggers[0].timezone
        self.jitter = read_jitter(jitter)
        self._check()

    def _check(self) -> None:
        """Refuse triggers that can't be combined so."""

    def arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "triggers": [{"type": trigger.TYPE, **trigger.arguments()} for trigger in self.triggers]
        }
        if self.jitter:
            found["jitter"] = self.jitter
        return found


class AndTrigger(Combining, LibraryAndTrigger):
    """Fires at the instants that all its triggers have in common."""

    TYPE = "and"

    def _check(self) -> None:
        if _count_intervals(self) > 1:
            raise InvalidTrigger(
                "trigger.triggers",
                str(self),
                _("has more than one interval under 'and', and intervals seldom meet"),
                _("Write one interval, or cron triggers."),
            )

    def nominal(self, after: datetime, search: Search) -> datetime | None:
        latest, agreeing, turn = after, 0, 0
        count = len(self.triggers)
        while agreeing < count:
            search.step(_DISAGREE)
            found = self.triggers[turn % count].following(latest if not agreeing else latest - MICROSECOND, search)
            if found is None:
                return None
            if agreeing and found == latest:
                agreeing += 1
            else:
                latest, agreeing = found, 1
            turn += 1
        return latest


class OrTrigger(Combining, LibraryOrTrigger):
    """Fires at the instants that any of its triggers has; where two meet, once."""

    TYPE = "or"

    def nominal(self, after: datetime, search: Search) -> datetime | None:
        search.step()
        found = [trigger.following(after, search) for trigger in self.triggers]
        return min((instant for instant in found if instant is not None), default=None)


def depth_of(trigger: Any) -> int:
    """Return how many levels of and/or a trigger has; 0 for a plain one."""
    return 1 + max(map(depth_of, trigger.triggers)) if isinstance(trigger, Combining) else 0


def _count_intervals(trigger: Any) -> int:
    """Return how many intervals have to meet for this trigger to fire."""
    if isinstance(trigger, AndTrigger):
        return sum(map(_count_intervals, trigger.triggers))
    if isinstance(trigger, OrTrigger):
        return max(map(_count_intervals, trigger.triggers))
    return int(trigger.TYPE == "interval")
