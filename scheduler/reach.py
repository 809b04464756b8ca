"""Whether the database is in reach: connections that hang are cut, and an outage is told once; in all processes.

A server that has stopped, or a route that drops packets, answers nothing, and a driver waits for an answer for ever.
No setting of the database's own helps against all of it (TCP keepalives are answered by the kernel of a stopped
server), and a host project has its own settings. So a thread cuts the socket of whoever waits too long.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper

from . import conf

logger = logging.getLogger(__name__)

NO_TABLES = "The database has no tables yet"
UNDEFINED_TABLE = "42P01"
"""PostgreSQL's code for it (https://www.postgresql.org/docs/current/errcodes-appendix.html)."""
CONNECT_SECONDS = 10
LOOK_SECONDS = 0.5
IDLE_SECONDS = 8
"""What a transaction of ours that says nothing gets before PostgreSQL ends it, and with it its locks."""


class _Watched:
    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self.connection = connection
        self.deadline = float("inf")


class _Watchdog:
    """One thread that looks twice a second whether somebody waits too long."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.watched: set[_Watched] = set()
        self._thread: threading.Thread | None = None

    def watch(self, watched: _Watched) -> None:
        with self.lock:
            self.watched.add(watched)
            if self._thread is None:
                self._thread = threading.Thread(target=self._loop, name="tickwork-watchdog", daemon=True)
                self._thread.start()

    def release(self, watched: _Watched) -> None:
        with self.lock:  # while a socket is cut it can't be closed, so its number can't be another's by then
            self.watched.discard(watched)

    def _loop(self) -> None:
        pause = threading.Event()
        while not pause.wait(LOOK_SECONDS):
            with self.lock:
                for watched in self.watched:
                    if time.monotonic() > watched.deadline:
                        cut(watched.connection)


def cut(connection: BaseDatabaseWrapper) -> None:
    """Shut a connection's socket, under the thread that waits for it, which gets an error then."""
    try:
        descriptor = os.dup(connection.connection.fileno())
    except Exception:  # not connected, closed meanwhile, or a database without a socket
        return
    with socket.socket(fileno=descriptor) as line, suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


@contextmanager
def limited(
    connection: BaseDatabaseWrapper, seconds: float | None = None, *, keeps_limits: bool = True
) -> Iterator[None]:
    """Give each answer of the database so long; then the connection is cut, and who waits gets an OperationalError.

    SQLite, a file without a socket, limits waiting by its own `timeout`.

    :param seconds: by default the setting `DATABASE_TIMEOUT`
    :param keeps_limits: whether the connection is ours alone, so that the server may be told of limits that last
    """
    if connection.vendor != "postgresql":
        yield
        return
    seconds = conf.get("DATABASE_TIMEOUT") if seconds is None else seconds
    watched = _Watched(connection)

    def ask(execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        watched.deadline = time.monotonic() + seconds
        try:
            return execute(sql, params, many, context)
        finally:  # in a transaction a commit follows, which is a question too, and passes no wrapper
            watched.deadline = time.monotonic() + seconds if connection.in_atomic_block else float("inf")

    watched.deadline = time.monotonic() + seconds
    _watchdog.watch(watched)
    try:
        connection.close_if_health_check_failed()  # a question of Django's own that passes no wrapper
        _connect(connection, min(seconds, CONNECT_SECONDS))
        if keeps_limits:
            _limit_the_server(connection, seconds)
        with connection.execute_wrapper(ask):
            yield
    finally:
        _watchdog.release(watched)


def _connect(connection: BaseDatabaseWrapper, seconds: float) -> None:
    """Open a connection that is not open, within `seconds`; psycopg's own patience is two minutes."""
    if connection.connection is not None:
        return
    settings = connection.settings_dict
    options = settings.get("OPTIONS") or {}
    timeout = min(int(options.get("connect_timeout") or seconds), max(2, int(seconds)))
    connection.settings_dict = {**settings, "OPTIONS": {**options, "connect_timeout": timeout}}
    try:
        connection.ensure_connection()
    finally:
        connection.settings_dict = settings


def _limit_the_server(connection: BaseDatabaseWrapper, seconds: float) -> None:
    """Have PostgreSQL give up, too, what this process may not be able to take back: once for each connection.

    Behind a dropped route, or of a stopped process, it never learns that the other side is gone: a transaction would
    hold its locks for hours, and each statement that waits for them and was given up here would wait on there.
    """
    session: Any = connection.connection
    if getattr(session, "limits_are_set", False):
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('idle_in_transaction_session_timeout', %s, false),"
            " set_config('lock_timeout', %s, false)",  # sooner than `seconds`, so that it is the server that gives up
            [str(int(IDLE_SECONDS * 1000)), str(int(seconds * 750))],
        )
    session.limits_are_set = True


def lacks_table(error: BaseException) -> bool:
    """Tell whether a database's error says that a table is missing, which `manage.py migrate` mends."""
    return getattr(error.__cause__, "sqlstate", None) == UNDEFINED_TABLE or "no such table" in str(error)


class _Outage:
    """What this process says of an outage: a line when the first of its threads meets it, one when all are over it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.away: set[str] = set()
        self.since = 0.0

    def lost(self, who: str, error: BaseException, what: str) -> None:
        with self.lock:
            first = not self.away
            self.away.add(who)
            if first:
                self.since = time.monotonic()
        if first and lacks_table(error):
            logger.warning("%s, %s: run `manage.py migrate`.", NO_TABLES, what)
        elif first:
            logger.warning("Database out of reach, %s: %s", what, str(error).strip() or type(error).__name__)

    def over(self, who: str) -> None:
        if who not in self.away:
            return
        with self.lock:
            self.away.discard(who)
            last = not self.away
        if last:
            logger.warning("Database back after %.1f s", time.monotonic() - self.since)


def lost(who: str, error: BaseException, what: str) -> None:
    """Note that a thread of this process meets an outage; only the first one is logged.

    :param who: names the thread or the work, for `over`
    :param what: what happens until the database is back, for the log
    """
    _outage.lost(who, error, what)


def over(who: str) -> None:
    """Note that the outage is over for `who`; nothing to note if there was none."""
    _outage.over(who)


def _start_anew() -> None:
    """Forget what a forked child has inherited: threads that it does not have, and locks that nobody will release."""
    global _watchdog, _outage
    _watchdog, _outage = _Watchdog(), _Outage()


_watchdog, _outage = _Watchdog(), _Outage()
os.register_at_fork(after_in_child=_start_anew)
