"""What people may change of a job: each field's name, its value as a snapshot, and that value in words; web process."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from django.utils.translation import gettext as _

from .. import options
from ..exceptions import SchedulerError
from ..models import ScheduledTask
from ..schedules import restore_trigger
from ..secrets import mask, mask_arguments
from ..triggers import describe, timezone_of, trigger_from_data, trigger_to_data
from .badges import JOB_LOOKS
from .text import harmless
from .typed_values import json_text

FIELDS = ("task", "args", "kwargs", "schedule", *options.CHECKS)
ARGUMENTS = ("args", "kwargs")

Snapshot = dict[str, Any]
"""The value of each field, as JSON values; a schedule is the data of its trigger, None where it can't be read."""


def snapshot(job: ScheduledTask) -> Snapshot:
    """Return the values of a job's fields."""
    found: Snapshot = {name: getattr(job, name) for name in FIELDS if name != "schedule"}
    try:
        found["schedule"] = trigger_to_data(restore_trigger(job))
    except SchedulerError:
        found["schedule"] = None
    return found


def changed(before: Snapshot, after: Snapshot) -> list[str]:
    """Return the fields in which two snapshots differ."""
    return [name for name in FIELDS if before.get(name) != after.get(name)]


def digests(values: Snapshot) -> dict[str, str]:
    """Return a short print of each value, to tell later whether it is still the same."""
    return {name: _digest(value) for name, value in values.items()}


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def label(name: str) -> str:
    """Return what people call a field."""
    if name == "schedule":
        return _("schedule")
    if name == "state":
        return _("state")
    return str(ScheduledTask._meta.get_field(name).verbose_name)  # type: ignore[union-attr]


def in_words(name: str, value: Any, task: str = "") -> str:
    """Return a field's value as people read it, with secrets masked.

    :param task: the task that arguments are for; it tells the names of positional ones
    """
    if name == "schedule":
        return _schedule(value)
    if name == "args":
        return harmless(json_text(mask_arguments(task, value, {})[0]))
    if name == "kwargs":
        return harmless(json_text(mask(value)))
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if value in (None, "", []):
        return _("nothing")
    if isinstance(value, list):
        return harmless(", ".join(map(str, value)))
    if isinstance(value, float):
        return f"{value:g}"
    if name == "state":
        return str(JOB_LOOKS[value].word) if value in JOB_LOOKS else harmless(value)
    choices = dict(ScheduledTask._meta.get_field(name).flatchoices)  # type: ignore[union-attr]
    return harmless(choices.get(value, value))


def _schedule(data: Any) -> str:
    if data is None:
        return _("one that can’t be read")
    try:
        trigger = trigger_from_data(data)
    except SchedulerError:
        return harmless(json_text(data))
    return harmless(f"{describe(trigger)} ({timezone_of(trigger)})")
