"""A catalogue of tasks by behaviour; the integration tests schedule them."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from celery import Task, current_app, shared_task
from celery.exceptions import Ignore, Reject
from celery.utils.log import get_task_logger

from scheduler import progress


def note(ledger: str, text: str) -> None:
    """Append a line to a file, in one write, so that lines of several processes don't mix."""
    with Path(ledger).open("a") as file:
        file.write(f"{text}\n")


@shared_task
def add(a: int, b: int = 0) -> int:
    return a + b


@shared_task
def say_time(ledger: str = "") -> float:
    """The article's job: prints the time."""
    now = time.time()
    print(f"It is {now}")
    if ledger:
        note(ledger, str(now))
    return now


@shared_task
def fail(text: str = "as asked") -> None:
    raise ValueError(text)


@shared_task
def nap(seconds: float, ledger: str = "") -> int:
    """Sleep; the ledger gets process, start and end."""
    started = time.time()
    if ledger:
        note(ledger, f"start {os.getpid()} {started}")
    while (left := started + seconds - time.time()) > 0:
        time.sleep(min(left, 0.1))
    if ledger:
        note(ledger, f"end {os.getpid()} {time.time()}")
    return os.getpid()


@shared_task
def count_what_is_collected() -> list[int]:
    """Return how many objects the collector passes over, and how many it looks at."""
    return [gc.get_freeze_count(), len(gc.get_objects())]


@shared_task
def do_nothing() -> None:
    """Returns None."""


@shared_task
def nap_with_progress(seconds: float, steps: int = 10) -> str:
    for step in range(steps):
        progress(step, steps, f"step {step}")
        time.sleep(seconds / steps)
    progress(steps, steps, "done")
    return "rested"


@shared_task(bind=True, max_retries=5)
def retry_twice(self: Any, ledger: str = "", countdown: float = 0.2) -> int:
    if ledger:
        note(ledger, str(self.request.retries))
    if self.request.retries < 2:
        raise self.retry(exc=ConnectionError(f"try {self.request.retries}"), countdown=countdown)
    return int(self.request.retries)


@shared_task(bind=True, max_retries=1)
def retry_in_vain(self: Any) -> None:
    raise self.retry(exc=ConnectionError("still no answer"), countdown=0.1)


@shared_task(autoretry_for=(ConnectionError,), max_retries=2, retry_backoff=False, default_retry_delay=0.1)
def retry_by_itself(ledger: str) -> str:
    note(ledger, "try")
    if len(Path(ledger).read_text().splitlines()) < 3:
        raise ConnectionError("try again")
    return "third time lucky"


@shared_task(bind=True)
def retry_with_other_arguments(self: Any, number: int, *, word: str = "") -> list[Any]:
    if self.request.retries < 1:
        raise self.retry(args=[number + 1], kwargs={"word": "changed"}, countdown=0.1)
    return [number, word]


@shared_task
def sleep_through_soft_limit(seconds: float = 30) -> str:
    from celery.exceptions import SoftTimeLimitExceeded

    try:
        time.sleep(seconds)
    except SoftTimeLimitExceeded:
        time.sleep(seconds)
    return "not stopped"


@shared_task
def kill_process(sig: int = signal.SIGKILL, ledger: str = "") -> None:
    if ledger:
        note(ledger, str(os.getpid()))
    os.kill(os.getpid(), sig)
    time.sleep(30)


@shared_task
def kill_process_once(ledger: str) -> str:
    note(ledger, "start")
    if len(Path(ledger).read_text().splitlines()) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(30)
    return "second time"


@shared_task
def run_out_of_memory() -> None:
    raise MemoryError("no more")


@shared_task
def leave(code: int = 3) -> None:
    sys.exit(code)


@shared_task
def ignore() -> None:
    raise Ignore("nothing to do")


@shared_task
def reject() -> None:
    raise Reject("not for me", requeue=False)


@shared_task
def reject_once(ledger: str) -> str:
    note(ledger, "start")
    if len(Path(ledger).read_text().splitlines()) == 1:
        raise Reject("busy", requeue=True)
    return "taken"


@shared_task
def return_object() -> object:
    return {"a set": {1}, "nan": float("nan")}


@shared_task
def return_much(size: int = 1_000_000) -> str:
    return "x" * size


@shared_task
def return_nul() -> list[str]:
    return ["a\x00b", "\ud800"]


@shared_task
def fail_hugely(size: int = 200_000) -> None:
    raise RuntimeError("x" * size)


@shared_task
def fail_with_nul() -> None:
    raise RuntimeError("a\x00b\ud800c")


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __reduce__(self) -> Any:
        raise RuntimeError("no pickle")


@shared_task
def fail_unspeakably() -> None:
    raise Unspeakable


class BaseOfTheirOwn(Task):
    """A base class as third parties have them: it knows nothing of ours."""

    abstract = True

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return {"wrapped": super().__call__(*args, **kwargs)}


@shared_task(base=BaseOfTheirOwn)
def with_base_class(word: str) -> str:
    return word


@shared_task
def roll_back() -> None:
    """Ends in an error with the task's own transaction broken."""
    from django.db import connection, transaction

    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM there_is_no_such_table")


@shared_task
def close_connections() -> str:
    from django.db import connections

    connections.close_all()
    return "closed"


@shared_task
def send_another(ledger: str) -> str:
    """Starts a task of its own, the ordinary way, which no run tracks."""
    current_app.send_task("tests.app.tasks.say_time", [ledger])
    return "sent"


@shared_task(bind=True)
def replace_itself(self: Any, ledger: str) -> None:
    raise self.replace(say_time.s(ledger))


@shared_task
def read_request(*args: Any) -> dict[str, Any]:
    """Tells what the worker was told."""
    from celery import current_task

    request = current_task.request
    return {
        "id": request.id,
        "retries": request.retries,
        "queue": request.delivery_info.get("routing_key"),
        "time_limits": list(request.timelimit or ()),
        "priority": request.delivery_info.get("priority"),
    }


@shared_task
def log_in(user: str, password: str = "", *tokens: str, options: Any = None) -> dict[str, str]:
    """Takes secrets by position and by name, and is as careless with them as tasks are."""
    print(f"{user} logs in with {password!r}")
    if user == "nobody":
        raise PermissionError(f"{password} is wrong")
    return {"user": user, "session_token": f"for {user}"}


log = logging.getLogger(__name__)
quiet = logging.getLogger("tests.quiet")
quiet.propagate = False
quiet.setLevel(logging.ERROR)


@shared_task
def talk(seconds: float = 0, *secrets: str, fail_at_end: bool = False) -> None:
    """Says things in every way that a task has."""
    log.debug("not heard")
    log.info("said by %s", "logging")
    quiet.info("said by a logger that is quiet and alone")
    get_task_logger(__name__).warning("said by Celery's logger")
    print("printed", 1, "line")
    print("printed to stderr", file=sys.stderr)
    print("10 %", end="\r")
    print("100 %", end="")
    print(*secrets)
    log.info("nul \x00, half \ud800, \x1b[31mred\x1b[0m and\ntwo lines")
    log.info("wrong number of arguments: %s %s", 1)
    thread = threading.Thread(target=log.info, args=("said in a thread",))
    thread.start()
    thread.join()
    if os.fork() == 0:
        log.info("said in a copy of the process")
        os._exit(0)
    os.wait()
    try:
        raise KeyError("caught")
    except KeyError:
        log.exception("went wrong")
    time.sleep(seconds)
    print("no end of the line", end="")
    if fail_at_end:
        raise ValueError("in the end")


@shared_task
def count_aloud(steps: int, seconds: float = 0.2) -> str:
    """Counts in its log, and tells how far it is."""
    for step in range(1, steps + 1):
        log.info("step %d", step)
        progress(step, steps)
        time.sleep(seconds)
    log.warning("counted enough")
    return f"counted to {steps}"


@shared_task(bind=True, max_retries=2)
def talk_twice(self: Any) -> None:
    log.info("try %d", self.request.retries + 1)
    if self.request.retries < 1:
        raise self.retry(countdown=0)


@shared_task
def talk_much(size: int, lines: int = 1) -> None:
    for _ in range(lines):
        log.info("x" * size)
    print("y" * size)
    log.info("the end")
