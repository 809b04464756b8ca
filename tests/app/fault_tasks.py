"""Tasks of the fault suite: each start and end of a body leaves one line in the ledger."""

from __future__ import annotations

import gc
import os
import resource
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from celery import shared_task
from celery.exceptions import SoftTimeLimitExceeded
from django.db import DatabaseError, connection, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper


def write(ledger: str, *words: object) -> None:
    """Append a line with one write(2), which no other process's line can come between."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(descriptor)


def _work(self: Any, ledger: str, seconds: float) -> str:
    attempt = self.request.get("tickwork")
    write(ledger, "start", self.request.id, attempt, os.getpid(), time.time())
    deadline = time.monotonic() + seconds
    pause = threading.Event()  # libfaketime lets time.sleep fail when its clock jumps
    while (left := deadline - time.monotonic()) > 0:
        pause.wait(min(left, 0.05))
    write(ledger, "end", self.request.id, attempt, os.getpid(), time.time())
    return "done"


@shared_task(bind=True)
def work(self: Any, ledger: str, seconds: float = 0.0) -> str:
    """Note the start, work for a while, note the end."""
    return _work(self, ledger, seconds)


# -- tasks that hurt themselves, their process or their worker ---------------------------------------------------------


@shared_task(bind=True, acks_late=True)
def work_late(self: Any, ledger: str, seconds: float = 0.0) -> str:
    """As `work`, with its message acknowledged only in the end."""
    return _work(self, ledger, seconds)


@shared_task(bind=True, max_retries=3)
def retry_later(self: Any, ledger: str, countdown: float) -> str:
    """Ask for one more try after a while."""
    write(ledger, "start", self.request.id, self.request.get("tickwork"), os.getpid(), time.time())
    if self.request.retries == 0:
        raise self.retry(countdown=countdown)
    return "done"


@shared_task
def kill_itself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


@shared_task
def raise_memory_error() -> None:
    raise MemoryError("no more")


@shared_task
def exceed_address_space() -> int:
    """Take more memory than the process may have; the limit stays on it afterwards."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + (64 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    return len(bytearray(1 << 30))


@shared_task
def ignore_soft_limit(seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            time.sleep(1)
        except SoftTimeLimitExceeded:
            continue


@shared_task
def fork(ledger: str, leave_with: str) -> str:
    """Make a copy of the process that leaves the body in one of three ways."""
    pid = os.fork()
    if pid == 0:
        write(ledger, "fork", os.getpid())
        if leave_with == "exit":
            sys.exit(3)
        if leave_with == "error":
            raise ValueError("the copy fails")
        return "the copy's result"
    os.waitpid(pid, 0)
    return "the original's result"


@shared_task
def leave_transaction_broken() -> str:
    """Go without commit or rollback, with an error in the transaction."""
    transaction.set_autocommit(False)
    with suppress(DatabaseError), connection.cursor() as cursor:
        cursor.execute("UPDATE scheduler_taskrun SET note = 'by the task'")
        cursor.execute("SELECT * FROM there_is_no_such_table")
    return "left"


@shared_task
def close_all_connections() -> str:
    """Close every database connection of the process, whoever opened it."""
    connections.close_all()
    for found in gc.get_objects():
        if isinstance(found, BaseDatabaseWrapper):
            with suppress(DatabaseError):  # another thread's
                found.close()
    return "closed"


# -- tasks with outcomes that are hard to store ------------------------------------------------------------------------


def text(kind: str) -> str:
    """Return a text that is hard to store or to show."""
    return {
        "long": "x" * (1 << 20),
        "nul": "a\x00b",
        "ansi": "\x1b[31mred\x1b[0m\x1b]0;title\x07",
        "script": "<script>alert(1)</script>",
        "surrogate": "a\ud800b",
    }[kind]


@shared_task
def fail_with(kind: str) -> None:
    raise RuntimeError(text(kind))


@shared_task
def return_text(kind: str) -> list[str]:
    return [text(kind)]


@shared_task
def return_strange(kind: str) -> Any:
    """Return what isn't JSON, or is too much of it."""
    if kind == "huge":
        return "y" * (10 << 20)
    if kind == "deep":
        nest: list[Any] = []
        for _ in range(10_000):
            nest = [nest]
        return nest
    if kind == "endless":
        loop: list[Any] = []
        loop.append(loop)
        return loop
    if kind == "number as key":
        return {3: "three", None: "none"}
    return {"set": {1, 2}, "object": object(), "bytes": b"\xff", "nan": float("nan")}[kind]


@shared_task
def take(value: Any) -> str:
    return type(value).__name__
