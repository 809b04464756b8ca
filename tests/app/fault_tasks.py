"""Tasks of the fault suite: each start and end of a body leaves one line in the ledger."""

from __future__ import annotations

import os
import time
from typing import Any

from celery import shared_task


def write(ledger: str, *words: object) -> None:
    """Append a line with one write(2), which no other process's line can come between."""
    descriptor = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (" ".join(map(str, words)) + "\n").encode())
    finally:
        os.close(descriptor)


@shared_task(bind=True)
def work(self: Any, ledger: str, seconds: float = 0.0) -> str:
    """Note the start, work for a while, note the end."""
    attempt = self.request.get("tickwork")
    write(ledger, "start", self.request.id, attempt, os.getpid(), time.time())
    deadline = time.monotonic() + seconds
    while (left := deadline - time.monotonic()) > 0:
        time.sleep(min(left, 0.05))
    write(ledger, "end", self.request.id, attempt, os.getpid(), time.time())
    return "done"
