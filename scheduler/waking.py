"""Tells the schedulers of what is due at once, so that it need not wait for their next look; web, shell, worker."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connections

from . import clock, conf
from .db import execute

CHANNEL = "tickwork_due"


def wake_for(at: datetime | None) -> None:
    """Wake every scheduler when this transaction commits, if a job is due before they would look anyway.

    PostgreSQL's NOTIFY (https://www.postgresql.org/docs/current/sql-notify.html): delivered on commit, and never after
    a rollback. On another database nothing is sent, and a change waits for the next look (`POLL_INTERVAL`).

    :param at: the job's new next run time
    """
    connection = connections[DEFAULT_DB_ALIAS]
    if at is None or connection.vendor != "postgresql":
        return
    if at <= clock.now() + timedelta(seconds=conf.get("POLL_INTERVAL")):
        execute(connection, "SELECT pg_notify(%s, '')", [CHANNEL])
