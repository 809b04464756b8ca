"""Ends the processes of `manage.py dev` when it dies without having stopped them; runs as a small process of its own.

It reads process group ids from standard input, a pipe whose other end only `manage.py dev` holds: `+123` for one
that started, `-123` for one that was stopped. At the end of the input, the groups that are left get SIGTERM, and
SIGKILL after `GRACE` seconds. Imports nothing of the project, so that it stays small and can't fail with it.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE = 8.0


def watch(lines: Iterable[str]) -> set[int]:
    """Read to the end and return the groups that were started and not stopped."""
    groups: set[int] = set()
    for line in lines:
        group = int(line[1:])
        if line.startswith("+"):
            groups.add(group)
        else:
            groups.discard(group)
    return groups


def send(groups: set[int], number: int) -> set[int]:
    """Send a signal to each group; return those that still have a process. Signal 0 only asks."""
    alive = set()
    for group in groups:
        try:
            os.killpg(group, number)
        except (ProcessLookupError, PermissionError):
            continue
        alive.add(group)
    return alive


def end(groups: set[int], grace: float = GRACE) -> None:
    """Stop the groups, first by asking."""
    send(groups, signal.SIGTERM)
    until = time.monotonic() + grace
    while time.monotonic() < until and send(groups, 0):
        time.sleep(0.1)
    send(groups, signal.SIGKILL)


if __name__ == "__main__":
    end(watch(sys.stdin))
