"""Asks a trigger for its firings: the next and the coming ones; used by engine, CLI and admin."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from scheduler.exceptions import InvalidTrigger, PlanningError, SchedulerError
from scheduler.said import said as _

from .base import DOOR_STEPS, MICROSECOND, Schedule, Search
from .combining import Combining
from .interval import DateTrigger
from .spec import adopt
from .zones import UTC

_RATE_FIRINGS = 120
_RATE_SECONDS = 80
"""120 firings within 80 s are more than one a second, with room for jitter's unevenness."""


def _following(trigger: Schedule, after: datetime, job_id: str) -> datetime | None:
    """Return the first instant after `after`, both in UTC; every failure is a PlanningError."""
    try:
        return trigger.following(after, Search(job_id))
    except SchedulerError:
        raise
    except Exception as error:
        raise PlanningError(f"the trigger failed: {type(error).__name__}: {error}") from error


def next_fire_time(trigger: BaseTrigger, after: datetime, *, job_id: str = "") -> datetime | None:
    """Return the first firing strictly after `after`, in the trigger's zone; None if there is none.

    :param after: an aware datetime
    :param job_id: jitter is derived from it and from the nominal time
    :raises PlanningError: if the trigger fails or takes too many steps
    """
    ours = adopt(trigger)
    found = _following(ours, after.astimezone(UTC), job_id)
    return None if found is None else found.astimezone(ours.timezone)


def first_fire_time(trigger: BaseTrigger, now: datetime, *, job_id: str = "") -> datetime | None:
    """Return the first firing of a new job: not before `now`; a date trigger's run date even if it has passed."""
    if isinstance(trigger, DateTrigger):
        return trigger.run_date
    ours = adopt(trigger)
    if isinstance(ours, DateTrigger):
        return ours.run_date
    return next_fire_time(ours, now.astimezone(UTC) - MICROSECOND, job_id=job_id)


def upcoming(trigger: BaseTrigger, count: int, *, after: datetime, job_id: str = "") -> list[datetime]:
    """Return the next firings strictly after `after`, at most `count`, in the trigger's zone."""
    ours = adopt(trigger)
    found: list[datetime] = []
    moment: datetime | None = after.astimezone(UTC)
    while len(found) < count:
        assert moment is not None
        moment = _following(ours, moment, job_id)
        if moment is None:
            break
        found.append(moment.astimezone(ours.timezone))
    return found


def check_fires(trigger: BaseTrigger, *, now: datetime) -> None:
    """Refuse a trigger that never fires from `now` on, fires more than once a second, or takes too long to search.

    A date trigger in the past is let through: it fires at once.

    :raises InvalidTrigger: saying why
    """
    ours = adopt(trigger)
    if isinstance(ours, DateTrigger):
        return
    start = now.astimezone(UTC) - MICROSECOND
    try:
        found = ours.following(start, Search(steps=DOOR_STEPS))
        if found is not None:
            jitter = _widest_jitter(ours)
            if jitter:  # later, more firings lie within its reach than at a start
                ours.following(found + 2 * jitter, Search(steps=DOOR_STEPS))
            if isinstance(ours, Combining):
                _check_rate(ours, found)
    except PlanningError as error:
        field = "trigger.jitter" if "jitter" in str(error) else "trigger"
        mend = _("Make the jitter smaller.") if field == "trigger.jitter" else _("Make sure that its parts can meet.")
        raise InvalidTrigger(field, _shown(ours), _("can't be planned: %(error)s", error=error.args[0]), mend) from None
    if found is None:
        _refuse_silent(ours, now)


def _widest_jitter(trigger: Schedule) -> timedelta:
    members = trigger.triggers if isinstance(trigger, Combining) else []
    return max([timedelta(seconds=trigger.jitter or 0), *map(_widest_jitter, members)])


def _check_rate(trigger: Schedule, first: datetime) -> None:
    moment: datetime | None = first
    for _turn in range(_RATE_FIRINGS):
        moment = trigger.following(moment, Search(steps=DOOR_STEPS)) if moment is not None else None
        if moment is None or moment - first > timedelta(seconds=_RATE_SECONDS):
            return
    raise InvalidTrigger(
        "trigger", _shown(trigger), _("fires more than once a second"), _("Leave a second or more between firings.")
    )


def _refuse_silent(trigger: Any, now: datetime) -> None:
    end = trigger.last_instant()
    if end is not None and end < now:
        shown = trigger.end_date.isoformat()
        raise InvalidTrigger("trigger.end_date", shown, _("has passed, so it never fires"), _("Choose a later end."))
    mend = _("No date matches all its fields from now on; check them against each other.")
    if end is not None:
        mend = _("Its first firing would be after end_date.")
    raise InvalidTrigger("trigger", _shown(trigger), _("never fires"), mend)


def _shown(trigger: Schedule) -> str:
    return str(trigger)
