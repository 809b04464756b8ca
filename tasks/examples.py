"""Tasks for trying things, each with a job on it: delete this file when you have seen enough; runs in the workers."""

from __future__ import annotations

import random
import time
from typing import Any

from celery import shared_task
from django.utils import timezone

from scheduler import exceptions, progress, scheduled_job

MAX_SECONDS = 86_400
MAX_STEPS = 10_000


class BadLuck(Exception):
    """What `fail_sometimes` raises."""


@scheduled_job(
    "interval", seconds=10, id="print-time", description="Prints the time every ten seconds.", tags=["example"]
)
@shared_task(name="tasks.print_time")
def print_time() -> str:
    """Print the time, in the project's time zone, into the worker's log, and return it."""
    now = timezone.localtime().isoformat(sep=" ", timespec="seconds")
    print(f"It is {now}")
    return now


@scheduled_job(
    "interval",
    minutes=1,
    id="sleep-with-progress",
    kwargs={"seconds": 20, "steps": 20},
    description="Sleeps for twenty seconds in every minute and shows how far it is.",
    tags=["example"],
)
@shared_task(name="tasks.sleep_with_progress")
def sleep_with_progress(seconds: float = 30, steps: int = 30) -> str:
    """Sleep, and report the progress after each step.

    :param seconds: how long in all, a day at most
    :param steps: in how many equal steps, 10,000 at most
    :raises InvalidInput: for a number that is out of range
    """
    if not 0 <= seconds <= MAX_SECONDS:
        raise exceptions.InvalidInput("seconds", seconds, "is out of range", f"It takes 0 to {MAX_SECONDS}.")
    if not 1 <= steps <= MAX_STEPS:
        raise exceptions.InvalidInput("steps", steps, "is out of range", f"It takes 1 to {MAX_STEPS}.")
    progress(0, steps, "falling asleep")
    for step in range(1, steps + 1):
        time.sleep(seconds / steps)
        progress(step, steps, f"step {step} of {steps}")
    return f"slept {seconds:g} s in {steps} steps"


@scheduled_job(
    "interval",
    seconds=20,
    id="fail-sometimes",
    description="Fails one time in three, and tries again after five seconds, three times at most.",
    tags=["example"],
)
@shared_task(name="tasks.fail_sometimes", bind=True, max_retries=3)
def fail_sometimes(self: Any, chance: float = 1 / 3) -> str:
    """Fail with a certain chance; a failed attempt is retried after 5 seconds, three times at most.

    :param chance: from 0 (never fails) to 1 (fails every time)
    :raises InvalidInput: for a chance out of range
    :raises BadLuck: when the last attempt failed, too
    """
    if not 0 <= chance <= 1:
        raise exceptions.InvalidInput("chance", chance, "is out of range", "It takes 0 to 1.")
    if random.random() < chance:  # noqa: S311 - luck, not a secret
        raise self.retry(exc=BadLuck(f"Bad luck in attempt {self.request.retries + 1}"), countdown=5)
    return f"good luck in attempt {self.request.retries + 1}"
