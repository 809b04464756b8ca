"""Carries out actions on many jobs or runs, a slice at a time; engine, on the thread of the upkeep.

A part of an action's ids is locked by one scheduler; others pass over it and take the next. What is done to an object
and that it is done are one transaction: a scheduler that is killed leaves each object either done or still to do.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.core.exceptions import ValidationError
from django.db import OperationalError, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from .. import clock, soon
from ..bulk import ACTIONS, Action
from ..db import OUTAGE, execute, write_transaction
from ..exceptions import SchedulerError
from ..models import BulkAction, BulkPart, TaskRun
from .tidying import Enough

logger = logging.getLogger(__name__)

MOST_REFUSALS = 100
HELD = ("55P03", "40P01")
"""PostgreSQL's codes for a lock that was waited for too long, and for a deadlock."""
SETTINGS = (("lock_timeout", "250ms"), ("idle_in_transaction_session_timeout", "8000"))
"""What a slice gives who holds an object's row, and what a scheduler gets that is stopped in the midst of one."""


@dataclass
class _Done:
    """What one slice came to."""

    done: list[tuple[str, str]] = field(default_factory=list)
    """Each object's id, and what it is called."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    """Ids of objects that somebody else holds: they are tried again later."""


def carry_out(enough: Enough, publish: Callable[[Sequence[TaskRun]], None]) -> bool:
    """Do a slice of one of the open actions, at least one object of it; return whether to go on at once.

    :param enough: asked after each object
    :param publish: given the runs that have come of it, after the commit
    """
    waiting = list(BulkAction.objects.filter(finished_at=None).order_by("created_at").values_list("id", flat=True))
    if not waiting:
        return False
    with soon.gathered() as new, write_transaction() as connection:
        if connection.vendor == "postgresql":
            for name, value in SETTINGS:
                execute(connection, "SELECT set_config(%s, %s, true)", [name, value])
        part = _take(connection, waiting)
        came = None if part is None else _do_part(part, enough)
    publish(new)
    return came is not None and bool(came.done or came.refused)


def _take(connection: BaseDatabaseWrapper, waiting: list[Any]) -> BulkPart | None:
    """Lock and return a part of any of the open actions: a short one need not wait for the end of a long one."""
    parts = BulkPart.objects.select_for_update(
        of=("self",) if connection.features.has_select_for_update_of else (),
        skip_locked=connection.features.has_select_for_update_skip_locked,
    )
    for bulk_id in random.sample(waiting, len(waiting)):
        part = parts.select_related("bulk").filter(bulk_id=bulk_id).order_by("id").first()
        if part is not None:
            return part
    return None


def _do_part(part: BulkPart, enough: Enough) -> _Done:
    action, came = ACTIONS.get(part.bulk.action), _Done()
    left = list(part.ids)
    while left:
        _do_one(action, left.pop(0), part.bulk, came)
        if enough():
            break
    if left or came.held:
        part.ids = left + came.held
        part.save(update_fields=["ids"])
    else:
        part.delete()
    if action is not None:
        _write_history(action, part.bulk.user_id, came.done)
    _note(part.bulk_id, came)
    return came


def _do_one(action: Action | None, object_id: str, bulk: BulkAction, came: _Done) -> None:
    if action is None:
        came.refused.append((object_id, f"This version knows no action {bulk.action!r}."))
        return
    try:
        with transaction.atomic():
            found = action.do(object_id, bulk.requested_by)
    except SchedulerError as error:
        came.refused.append((object_id, str(error)))
    except OUTAGE as error:
        if not isinstance(error, OperationalError) or getattr(error.__cause__, "sqlstate", None) not in HELD:
            raise
        came.held.append(object_id)
    except Exception as error:
        logger.exception("Bulk action %s: %s failed for %s", bulk.id, bulk.action, object_id)
        came.refused.append((object_id, f"{type(error).__name__}: {error}"))
    else:
        came.done.append((object_id, str(found) if isinstance(found, action.of) else object_id))


def _note(bulk_id: Any, came: _Done) -> None:
    """Note how far an action is. Its row comes last, for it is locked to the end of the transaction."""
    bulk = BulkAction.objects.select_for_update().get(id=bulk_id)
    bulk.done += len(came.done)
    bulk.refused += len(came.refused)
    bulk.refusals = (bulk.refusals + [list(pair) for pair in came.refused])[:MOST_REFUSALS]
    if not bulk.parts.exists():
        bulk.finished_at = clock.now()
    bulk.save(update_fields=["done", "refused", "refusals", "finished_at"])


def _write_history(action: Action, user_id: str, done: list[tuple[str, str]]) -> None:
    """Write what was done into the admin's history, where there is one, and a user who did it."""
    if not done or not user_id or not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import CHANGE, LogEntry
    from django.contrib.auth import get_user_model
    from django.contrib.contenttypes.models import ContentType

    try:
        user = get_user_model()._default_manager.filter(pk=user_id).first()
    except (ValueError, ValidationError):
        user = None
    if user is None:
        return
    kind = ContentType.objects.get_for_model(action.of)
    LogEntry.objects.bulk_create(
        LogEntry(
            user_id=user.pk, content_type=kind, object_id=object_id, object_repr=shown[:200], action_flag=CHANGE,
            change_message=str(action.record),
        )
        for object_id, shown in done
    )  # fmt: skip
