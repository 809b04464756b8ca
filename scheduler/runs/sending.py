"""Runs on their way to the broker: taken, noted as queued, planned again; engine and run-now callers."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connections

from .. import clock, conf
from ..db import among, execute, write_transaction
from ..models import UNPUBLISHED, State, TaskRun
from .endings import Outcome, end
from .statements import NOT_STARTED, TABLE, adapter, marks, one_of, unheld


def take_unpublished(now: datetime, limit: int) -> list[TaskRun]:
    """Take up to `limit` runs that are due for the broker, and hold other schedulers off them for a while."""
    with write_transaction() as connection:
        due = TaskRun.objects.filter(state__in=UNPUBLISHED, waiting=False, publish_at__lte=now)
        runs = list(
            due.select_for_update(skip_locked=connection.features.has_select_for_update_skip_locked).order_by(
                "publish_at"
            )[:limit]
        )
        if not runs:
            return []
        lease = now + timedelta(seconds=conf.get("REPUBLISH_AFTER"))
        TaskRun.objects.filter(id__in=among(connection, [run.id for run in runs], "uuid")).update(publish_at=lease)
    return runs


def mark_queued(runs: Sequence[TaskRun], *, at: datetime) -> None:
    """Note that the broker has the messages of `runs`; those that a worker has claimed meanwhile stay as they are.

    :param at: an instant before the first was sent, for a worker may have one before this is written
    """
    connection = connections[DEFAULT_DB_ALIAS]
    adapt = adapter(connection)
    for attempt in {run.attempt for run in runs}:
        theirs, values = one_of(connection, "id", [adapt(run.id) for run in runs if run.attempt == attempt])
        sent = f"SELECT id FROM {TABLE} WHERE {theirs} AND state IN ({marks(UNPUBLISHED)}) AND attempt = %s"
        if connection.features.has_select_for_update_skip_locked:
            sent += " FOR UPDATE SKIP LOCKED"  # a run whose row is held is just sent again
        execute(
            connection,
            f"UPDATE {TABLE} SET state = %s, queued_at = %s, publish_at = NULL WHERE id IN ({sent})",
            [State.QUEUED, adapt(at), *values, *UNPUBLISHED, attempt],
        )


def republish(ids: Iterable[uuid.UUID], *, queued_before: datetime) -> int:
    """Plan queued runs whose messages the broker lost for publishing again; return how many."""
    lost = TaskRun.objects.filter(id__in=ids, state=State.QUEUED, queued_at__lt=queued_before)
    with write_transaction():
        return unheld(lost).update(state=State.PENDING, publish_at=clock.now())


def refuse(run: TaskRun, outcome: Outcome) -> bool:
    """End a run that never got to a worker: its message can't be sent, nothing knows its task, or it has expired.

    :return: whether it has ended; False where it has moved on, or somebody holds its row
    """
    with write_transaction():
        if not unheld(TaskRun.objects.filter(id=run.id)).exists():
            return False
        return end(connections[DEFAULT_DB_ALIAS], str(run.id), outcome, states=NOT_STARTED, attempt=run.attempt)
