"""Statements that PostgreSQL parses and plans once for a connection: those of every attempt; Celery worker.

Who ends a run inside a transaction, engine and pages, has them run as any other.

Through the driver's libpq wrapper, for the names are our own then: behind a pooler that hands connections out by
transaction a name may be missing or there already, but it is never another statement's. (The driver numbers those that
it prepares by itself.) docs/decisions/0041-attempts-use-prepared-statements.md tells what it saves.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper

from .db import execute

if TYPE_CHECKING:
    from psycopg import Connection
    from psycopg.pq.abc import PGresult

MISSING, EXISTS = "26000", "42P05"
"""What PostgreSQL says of a statement that is not prepared, or that is already
(https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
IDLE, BAD, COMMAND_OK, TUPLES_OK = 0, 1, 1, 2
"""libpq's own numbers of a connection's and a result's states."""
_prepared: WeakKeyDictionary[Any, set[str]] = WeakKeyDictionary()
"""By the driver's connection: what has been prepared on it."""


def execute_prepared(connection: BaseDatabaseWrapper, sql: str, values: Sequence[Any]) -> list[Any]:
    """Run one statement, prepared on PostgreSQL and outside of transactions, and return its rows.

    Where it was prepared, JSON and all else comes as text; where not, as the driver reads it.

    :param sql: always the same text for the same work, with %s for each value and no other %
    :param values: texts, numbers, instants, UUIDs, and JSON as text
    """
    if not _can_prepare(connection):
        return execute(connection, sql, list(values))
    ask: Any = partial(_run, connection.connection)
    for wrapper in reversed(connection.execute_wrappers):  # they limit the time that an answer may take
        ask = partial(wrapper, ask)
    try:
        with connection.wrap_database_errors:
            rows: list[Any] = ask(sql, values, False, {"connection": connection, "cursor": None})
            return rows
    except DatabaseError as error:
        if _state_of(error.__cause__) != MISSING:
            raise
        _prepared.pop(connection.connection, None)  # a pooler has handed out another connection
        return execute(connection, sql, list(values))


def _can_prepare(connection: BaseDatabaseWrapper) -> bool:
    """Tell whether an error would break no transaction, and the driver is psycopg 3."""
    if connection.vendor != "postgresql":
        return False
    connection.ensure_connection()
    pgconn = getattr(connection.connection, "pgconn", None)
    return pgconn is not None and connection.connection.autocommit and pgconn.transaction_status == IDLE


def _run(session: Connection[Any], sql: str, values: Sequence[Any], *_: Any) -> list[list[str | None]]:
    name, statement = _numbered(sql)
    known = _prepared.setdefault(session, set())
    if name not in known:
        try:
            _checked(session, session.pgconn.prepare(name.encode(), statement.encode()))
        except Exception as error:
            if _state_of(error) != EXISTS:
                raise
        known.add(name)
    # Django has every connection speak UTF-8.
    told: list[Any] = [None if value is None else _told(value) for value in values]
    found = _checked(session, session.pgconn.exec_prepared(name.encode(), told))
    return [
        [None if (value := found.get_value(row, column)) is None else value.decode() for column in range(found.nfields)]
        for row in range(found.ntuples)
    ]


@cache
def _numbered(sql: str) -> tuple[str, str]:
    """Return a statement's name, which tells its whole text, and the text with numbers for placeholders."""
    first, *rest = sql.split("%s")
    statement = first + "".join(f"${number}{part}" for number, part in enumerate(rest, start=1))
    return f"tickwork_{hashlib.sha256(statement.encode()).hexdigest()[:32]}", statement


def _told(value: Any) -> bytes:
    if isinstance(value, bool):
        return b"t" if value else b"f"
    text = str(value)
    if "\0" in text:  # libpq would take it for the end
        from psycopg import DataError

        raise DataError("PostgreSQL text fields cannot contain NUL (0x00) bytes")
    return text.encode()


def _checked(session: Connection[Any], result: PGresult) -> PGresult:
    if result.status in (COMMAND_OK, TUPLES_OK):
        return result
    from psycopg import OperationalError
    from psycopg.errors import error_from_result

    error = error_from_result(result)
    if session.pgconn.status == BAD or error.sqlstate is None:
        raise OperationalError(str(error)) from error
    raise error


def _state_of(error: BaseException | None) -> str | None:
    return getattr(error, "sqlstate", None)
