"""Waiting for conditions instead of sleeping."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def wait_for(
    ask: Callable[[], T], *, what: str | Callable[[], str] = "", timeout: float = 15.0, every: float = 0.05
) -> T:
    """Ask again and again until the answer is true, and return it.

    :param what: what is awaited, for the failure
    :param timeout: seconds
    :raises AssertionError: telling the last answer or error, and the first error
    """
    deadline = time.monotonic() + timeout
    last: object = None
    first_error: Exception | None = None
    while True:
        try:
            answer = ask()
        except Exception as error:  # told in the end, if it never gets better
            last, first_error = error, first_error or error
        else:
            if answer:
                return answer
            last = answer
        if time.monotonic() > deadline:
            told = what() if callable(what) else what
            began = f", the first error {first_error!r}" if first_error else ""
            raise AssertionError(f"Waited {timeout:g} s for {told or ask}; the last answer was {last!r}{began}")
        time.sleep(every)


def stays_true(ask: Callable[[], T], *, seconds: float, what: str = "", every: float = 0.1) -> None:
    """Ask again and again for so many seconds. :raises AssertionError: at the first answer that is not true"""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = ask()
        assert answer, f"{what or ask} did not last: {answer!r}"
        time.sleep(every)
