"""Tasks that do next to nothing, for what is measured is the way to them and back."""

from __future__ import annotations

import time
from typing import Any

from celery import shared_task


@shared_task(name="bench.nothing")
def nothing() -> None:
    """Do nothing."""


@shared_task(name="bench.take")
def take(*args: object, **kwargs: object) -> None:
    """Take any arguments and do nothing."""


@shared_task(name="bench.note", bind=True)
def note(self: Any, path: str) -> None:
    """Note when the body started, under the run's id."""
    started = time.time()
    with open(path, "a") as ledger:
        ledger.write(f"{self.request.id} {started}\n")
