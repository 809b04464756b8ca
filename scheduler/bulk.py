"""Actions on many jobs or runs: `start` notes down what is wanted, the engine does it bit by bit; any process.

`BulkAction` tells how far it is: `total`, `done`, `refused`, the first `refusals`, and `finished_at` at the end.
`engine/bulk.py` carries it out.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Model
from django.utils.translation import gettext_lazy

from . import jobs, runs
from .db import write_transaction
from .exceptions import InvalidInput
from .models import BulkAction, BulkPart, ScheduledTask, TaskRun
from .said import said as _

PART = 200
"""Ids in one part, which one scheduler takes at a time."""
MOST_NAME = 150


@dataclass(frozen=True)
class Action:
    """What can be done to many objects: to each of them, the one function does it that does it to one."""

    of: type[Model]
    do: Callable[[str, str], Model]
    """Takes the object's id, and who asks."""
    record: Any
    """What the history of each object says of it."""


ACTIONS = {
    "run": Action(ScheduledTask, lambda job_id, by: jobs.run_job(job_id, by=by), gettext_lazy("Run asked for.")),
    "pause": Action(ScheduledTask, lambda job_id, by: jobs.pause_job(job_id, by=by), gettext_lazy("Paused.")),
    "resume": Action(ScheduledTask, lambda job_id, by: jobs.resume_job(job_id, by=by), gettext_lazy("Resumed.")),
    "remove": Action(ScheduledTask, lambda job_id, by: jobs.remove_job(job_id, by=by), gettext_lazy("Removed.")),
    "cancel": Action(TaskRun, lambda run_id, by: runs.cancel(run_id, by=by), gettext_lazy("Cancel asked for.")),
    "retry": Action(TaskRun, lambda run_id, by: runs.retry(run_id, by=by), gettext_lazy("Run again asked for.")),
}


def start(
    action: str, ids: Iterable[Any], *, by: str, user_id: Any = "", bulk_id: uuid.UUID | None = None
) -> BulkAction:
    """Have the engine do something to each of many jobs or runs, each once; return at once.

    Objects that refuse it (a job that is gone, a run that has ended) cost only themselves.

    :param action: one of `ACTIONS`
    :param ids: of jobs (`run, pause, resume, remove`) or of runs (`cancel, retry`)
    :param by: who asks, for the record of each object
    :param user_id: the key of who asks, where that is a user of Django's, for the admin's history
    :param bulk_id: its id; asking again under the same one gives the same action
    :raises InvalidInput: if there is no such action, nothing to do it to, or an id that nothing has; nothing is done
    """
    if action not in ACTIONS:
        raise InvalidInput(
            "action", action, _("is not an action on many"), _("It is one of %(actions)s.", actions=", ".join(ACTIONS))
        )
    check = _job_id if ACTIONS[action].of is ScheduledTask else _run_id
    wanted = sorted({check(each) for each in ids})  # sorted, so that two actions on the same lock them in one order
    if not wanted:
        raise InvalidInput("ids", [], _("names nothing to do it to"), _("Choose at least one."))
    asked = {"action": action, "total": len(wanted), "requested_by": by[:MOST_NAME], "user_id": str(user_id or "")}
    with write_transaction():
        if bulk_id is None:
            bulk = BulkAction.objects.create(**asked)
        else:
            bulk, is_new = BulkAction.objects.get_or_create(id=bulk_id, defaults=asked)
            if not is_new:
                return bulk
        parts = [BulkPart(bulk=bulk, ids=wanted[first : first + PART]) for first in range(0, len(wanted), PART)]
        BulkPart.objects.bulk_create(parts, batch_size=100)
    return bulk


def _job_id(given: Any) -> str:
    text = str(given)
    if not text or len(text) > 255 or not text.isprintable():
        raise InvalidInput("ids", given, _("is not the id of a job"), _("Nothing was done."))
    return text


def _run_id(given: Any) -> str:
    try:
        return str(given if isinstance(given, uuid.UUID) else uuid.UUID(str(given)))
    except ValueError:
        raise InvalidInput("ids", given, _("is not the id of a run"), _("Nothing was done.")) from None
