"""What a schedule will do, told by the real trigger: words, next firings, pace, warnings; web process."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo
from math import ceil
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from django.utils import timezone
from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from ..exceptions import SchedulerError
from ..models import State, TaskRun
from ..triggers import DateTrigger, describe, first_fire_time, pace, timezone_of, touched, upcoming, warnings
from .text import explained, harmless
from .times import ago, duration

FIRINGS = 5
LAST_RUNS = 100
FEWEST_RUNS = 5
"""Runs from which on their length says something."""


def preview(trigger: BaseTrigger, now: datetime, *, job_id: str = "") -> dict[str, Any]:
    """Return what preview.html shows of a trigger that can be planned.

    :param job_id: of the job that has it, or will: jitter depends on it, and its last runs tell how long one takes
    """
    zone = timezone_of(trigger)
    try:
        first = first_fire_time(trigger, now, job_id=job_id)
        firings = [] if first is None else [first, *upcoming(trigger, FIRINGS - 1, after=first, job_id=job_id)]
        rate = pace(trigger, after=now, job_id=job_id)
    except SchedulerError as error:
        return {"fault": explained(error)}
    here = timezone.get_current_timezone()
    return {
        "words": harmless(describe(trigger)),
        "zone": str(zone),
        "here": "" if str(here) == str(zone) else str(here),
        "firings": _rows(firings, zone, here, now),
        "pace": _in_words(rate.per_day),
        "warnings": [
            *_past(trigger, now), *(harmless(text) for text in warnings(trigger, now=now)),
            *_too_long(job_id, rate.shortest),
        ],
    }  # fmt: skip


def _rows(firings: list[datetime], zone: tzinfo, here: tzinfo, now: datetime) -> list[dict[str, Any]]:
    befores = [None, *firings]
    return [
        {
            "there": _stamp(firing.astimezone(zone)),
            "here": _stamp(firing.astimezone(here)),
            "relative": ago(firing, now),
            "change": touched(firing.astimezone(zone), before and before.astimezone(zone)),
        }
        for before, firing in zip(befores, firings, strict=False)
    ]


def _stamp(moment: datetime) -> str:
    return date_format(moment, "D Y-m-d H:i:s" if moment.second else "D Y-m-d H:i")


def _in_words(per_day: float) -> str:
    """Return how often that is, in the unit that gives a number from 1."""
    if not per_day:
        return _("once")
    for times, words in (
        (1.0, _("%s a day")), (7.0, _("%s a week")), (365.25 / 12, _("%s a month")), (365.25, _("%s a year")),
    ):  # fmt: skip
        many = per_day * times
        if many > 0.97:
            exact = abs(many - round(many)) < 0.02
            whole = exact or many > 20 or round(many, 1) == round(many)
            shown = number_format(round(many) if whole else round(many, 1), force_grouping=True)
            return words % (shown if exact else _("about %s") % shown)
    return _("less than once a year")


def _past(trigger: BaseTrigger, now: datetime) -> list[str]:
    if isinstance(trigger, DateTrigger) and trigger.run_date < now:
        return [_("This time has passed: it runs at once, when it is saved.")]
    return []


def _too_long(job_id: str, shortest: timedelta | None) -> list[str]:
    usual = usual_length(job_id) if job_id and shortest is not None else None
    if usual is None or shortest is None or usual <= shortest.total_seconds():
        return []
    values = {"usual": duration(usual), "shortest": duration(shortest.total_seconds())}
    return [
        _(
            "95 of 100 of its last runs took up to %(usual)s, and two firings may lie only %(shortest)s apart: "
            "see what happens “if a run is still going”."
        )
        % values
    ]


def usual_length(job_id: str) -> float | None:
    """Return the seconds within which 95 of 100 of a job's last runs succeeded; None while too few have."""
    if "\x00" in job_id:
        return None
    last = TaskRun.objects.filter(job_id=job_id).order_by("-scheduled_at").only("started_at", "finished_at", "state")
    lengths = sorted(
        run.duration for run in last[:LAST_RUNS] if run.state == State.SUCCESS and run.duration is not None
    )
    return lengths[ceil(len(lengths) * 0.95) - 1] if len(lengths) >= FEWEST_RUNS else None
