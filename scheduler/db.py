"""Write transactions, a database connection of our own, and patience in outages; used in all processes."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

from django.db import DEFAULT_DB_ALIAS, InterfaceError, InternalError, OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import RawSQL

from . import reach

T = TypeVar("T")

OUTAGE = (OperationalError, InterfaceError, InternalError)
"""What Django raises while a database is away, restarting, read-only or locked by somebody else. (PostgreSQL's
"read-only transaction" and "idle-in-transaction timeout" are of SQLSTATE class 25, an InternalError.)"""

LONGEST_PAUSE = 5.0


@contextmanager
def write_transaction(connection: BaseDatabaseWrapper | None = None) -> Iterator[BaseDatabaseWrapper]:
    """A transaction that takes SQLite's write lock at once, so that it never fails half-way for want of it.

    SQLite answers a read transaction that turns into a writing one with an immediate "database is locked", whatever
    the timeout (https://sqlite.org/lang_transaction.html); BEGIN IMMEDIATE waits its turn instead.
    """
    connection = connection or connections[DEFAULT_DB_ALIAS]
    if connection.vendor == "sqlite" and not connection.in_atomic_block:
        connection.ensure_connection()  # opening it later would set the mode anew
        connection.transaction_mode = "IMMEDIATE"  # type: ignore[attr-defined]
    with _atomic(connection):
        yield connection


@contextmanager
def _atomic(connection: BaseDatabaseWrapper) -> Iterator[None]:
    if connections[connection.alias] == connection:  # equal, not the same: it may be Django's proxy
        with transaction.atomic(using=connection.alias):
            yield
        return
    # A connection outside Django's registry, which transaction.atomic can't find.
    connection.ensure_connection()
    begin = "BEGIN IMMEDIATE" if connection.vendor == "sqlite" else "BEGIN"
    with connection.cursor() as cursor:
        cursor.execute(begin)
        try:
            yield
        except BaseException:
            cursor.execute("ROLLBACK")
            raise
        cursor.execute("COMMIT")


class _Own(threading.local):
    connection: BaseDatabaseWrapper | None = None
    pid: int = 0


_own = _Own()


def own_connection() -> BaseDatabaseWrapper:
    """Return this thread's own autocommit connection, apart from the one that task code and Django's request cycle use.

    It stays open across tasks (Celery's Django fixup closes the others around each), lies outside the task's
    transactions, and is made anew in a forked child.
    """
    if _own.connection is None or _own.pid != os.getpid():
        # The parent's socket is left alone: closing it here would end the parent's session too.
        _own.connection = connections.create_connection(DEFAULT_DB_ALIAS)
        _own.pid = os.getpid()
    return _own.connection


def close_own_connection() -> None:
    """Close this thread's own connection; the next use opens a new one."""
    if _own.connection is not None and _own.pid == os.getpid():
        with suppress(Exception):  # a broken socket may fail to close as well
            _own.connection.close()


def drop_connection() -> None:
    """Close this thread's connection of Django's, which has failed; the next use opens a new one."""
    with suppress(Exception):  # a broken socket may fail to close as well
        connections[DEFAULT_DB_ALIAS].close()


def outlast(work: Callable[[BaseDatabaseWrapper], T], *, what: str, give_up: Callable[[], bool] = lambda: False) -> T:
    """Do `work` on this thread's own connection, and again with growing pauses for as long as the database is away.

    The first failure is met by another try at once: it may be of a connection that an outage long past has left dead.

    :param work: called with the connection; must be safe to repeat when a commit's fate is unknown
    :param what: names the work in the log, which gets one line per outage and one per recovery of this process
    :param give_up: asked before each further try; when true the outage is raised
    """
    pause, failures = 0.1, 0
    try:
        while True:
            connection = own_connection()
            try:
                with reach.limited(connection):
                    return work(connection)
            except OUTAGE as error:
                close_own_connection()
                connections[DEFAULT_DB_ALIAS].close_if_unusable_or_obsolete()
                failures += 1
                if give_up():
                    raise
                if failures > 1:
                    reach.lost(what, error, f"{what} waits")
                    time.sleep(pause)
                    pause = min(pause * 2, LONGEST_PAUSE)
    finally:
        reach.over(what)


def execute(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any] | tuple[Any, ...] = ()) -> list[Any]:
    """Run one statement and return its rows (an empty list where it returns none)."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchall() if cursor.description else []


def among(connection: BaseDatabaseWrapper, values: Sequence[Any], kind: str) -> Any:
    """Return what `filter(field__in=…)` takes for very many values: on PostgreSQL one array, not as many parameters.

    :param kind: the values' type, as PostgreSQL names it
    """
    if connection.vendor != "postgresql":
        return values
    return RawSQL(f"SELECT unnest(%s::{kind}[])", [list(values)])  # noqa: S611 - the kind is our own word
