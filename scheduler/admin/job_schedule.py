"""The schedule of a job as pages show it: in words, as it is stored, and in which zone; web process."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import tzinfo

from apscheduler.triggers.base import BaseTrigger

from ..exceptions import SchedulerError
from ..models import ScheduledTask
from ..schedules import restore_trigger
from ..triggers import describe, timezone_of, trigger_to_data
from .text import explained, harmless


@dataclass(frozen=True)
class Schedule:
    """Either a trigger, and what is to be said of it, or the reason why there is none."""

    trigger: BaseTrigger | None = None
    words: str = ""
    raw: str = ""
    zone: tzinfo | None = None
    error: str = ""


def schedule_of(job: ScheduledTask) -> Schedule:
    """Return a job's schedule; one that can't be read spoils nothing but itself."""
    try:
        trigger = restore_trigger(job)
        return Schedule(
            trigger,
            words=harmless(describe(trigger)),
            raw=harmless(json.dumps(trigger_to_data(trigger), ensure_ascii=False)),
            zone=timezone_of(trigger),
        )
    except SchedulerError as error:
        return Schedule(error=explained(error))
