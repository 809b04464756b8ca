"""Tasks that do next to nothing, for what is measured is the way to them and back."""

from __future__ import annotations

import time

from celery import shared_task


@shared_task(name="bench.nothing")
def nothing() -> None:
    """Do nothing."""


@shared_task(name="bench.take")
def take(*args: object, **kwargs: object) -> None:
    """Take any arguments and do nothing."""


@shared_task(name="bench.note")
def note(path: str, due: float) -> None:
    """Note how long after `due` (seconds since the epoch) the body started."""
    late = time.time() - due
    with open(path, "a") as ledger:
        ledger.write(f"{late}\n")
