"""The triggers that callers of `jobs.py` mean, and when they fire first; in all processes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from django.utils import timezone as django_timezone

from . import clock, options, triggers
from .exceptions import InvalidInput, InvalidTrigger
from .jobstate import load_trigger
from .models import ScheduledTask
from .said import said as _

logger = logging.getLogger(__name__)

TRIGGER_TYPES = ("date", "interval", "cron", "calendarinterval", "and", "or")
MODIFIABLE = ("task", "args", "kwargs", "trigger", "crontab", "timezone", "next_run_time")


def restore_trigger(job: ScheduledTask) -> BaseTrigger:
    """Return a job's trigger. :raises RestoreError: if its stored state can't be read"""
    return load_trigger(job.job.job_state)


def build_trigger(trigger: Any, arguments: dict[str, Any], crontab: str | None = None) -> BaseTrigger:
    """Return the trigger that a caller of `add_job` or `modify_job` means. :raises InvalidTrigger: if it means none"""
    if isinstance(trigger, Mapping):
        if arguments.keys() - {"timezone"}:
            options.refuse_unknown({k: v for k, v in arguments.items() if k != "timezone"})
        return triggers.trigger_from_data(trigger, timezone=arguments.get("timezone"))
    if trigger is None and crontab is None and not arguments.keys() - {"timezone"}:
        raise InvalidTrigger(
            "trigger", None, _("is missing"), _("Give one of %(types)s or a crontab.", types=", ".join(TRIGGER_TYPES))
        )
    if trigger is None and crontab is None and "run_date" not in arguments:
        for name in arguments.keys() - {"timezone"}:
            if types := triggers.types_taking(name):
                mend = _("%(name)s is an argument of the trigger %(type)r: name it, too.", name=name, type=types[0])
                raise InvalidTrigger("trigger", None, _("is missing"), mend)
        options.refuse_unknown({k: v for k, v in arguments.items() if k != "timezone"})
    rest = dict(arguments)
    timezone = rest.pop("timezone", None)
    return triggers.trigger_from_arguments(trigger, rest, crontab=crontab, timezone=timezone)


def first_run_time(trigger: BaseTrigger, now: datetime, job_id: str) -> datetime:
    first = triggers.first_fire_time(trigger, now, job_id=job_id)
    if first is None:
        raise InvalidTrigger("trigger", triggers.describe(trigger), _("never fires from now on"), _("Move its dates."))
    return first


def aware(field: str, value: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise InvalidInput(field, value, _("is not a date and time"), _("Write 2026-12-01T09:00+00:00.")) from None
    if not isinstance(value, datetime):
        raise InvalidInput(field, value, _("is not a date and time"), _("Write 2026-12-01T09:00+00:00."))
    return value if value.tzinfo is not None else django_timezone.make_aware(value)


def changed_trigger(job: ScheduledTask, rest: dict[str, Any]) -> BaseTrigger | None:
    if not rest:
        return None
    trigger, crontab = rest.pop("trigger", None), rest.pop("crontab", None)
    if trigger is None and crontab is None:
        timezone = rest.pop("timezone", None)
        options.refuse_unknown(rest, MODIFIABLE)
        changed = triggers.replace_timezone(restore_trigger(job), timezone)
    else:
        says_zone = "timezone" in rest or (isinstance(trigger, Mapping) and "timezone" in trigger)
        if not says_zone and (crontab is not None or isinstance(trigger, str | Mapping)):
            rest["timezone"] = triggers.timezone_of(restore_trigger(job))
        changed = build_trigger(trigger, rest, crontab)
    triggers.check_fires(changed, now=clock.now())
    return changed


def log_warnings(job_id: str, trigger: BaseTrigger) -> None:
    for sentence in triggers.warnings(trigger):
        logger.warning("Job %s: %s", job_id, sentence)
