"""Starts child processes, shows their logs side by side and stops them all; runs inside `manage.py dev`."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, TextIO

from . import watchdog

COLOURS = {"broker": 35, "web": 36, "scheduler": 33, "worker": 32, "dev": 1}
LONGEST_LINE = 64 * 1024


class Child:
    """One process, in a session of its own so that Ctrl-C in the terminal reaches only `manage.py dev`."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        stdin: str | None = None,
        hidden: str | None = None,
    ) -> None:
        self.name = name
        self.hidden = hidden
        self.buffer = b""
        self.process = subprocess.Popen(
            command,
            cwd=cwd,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **env},
            stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        if stdin is not None:
            assert self.process.stdin is not None
            with self.process.stdin as pipe:
                pipe.write(stdin.encode())
        assert self.process.stdout is not None
        self.output: IO[bytes] = self.process.stdout
        os.set_blocking(self.output.fileno(), False)

    @property
    def group(self) -> int:
        """The id of its process group: what it starts belongs to it as well."""
        return self.process.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; negative where a signal ended it."""
        return self.process.poll()

    def signal(self, number: int, *, whole_group: bool = False) -> None:
        """Send a signal; nothing happens if the process has gone."""
        with suppress(ProcessLookupError, PermissionError):
            if whole_group:
                os.killpg(self.group, number)
            elif self.exit_code is None:
                self.process.send_signal(number)

    @property
    def gone(self) -> bool:
        """Whether neither it nor anything that it started is left."""
        return self.exit_code is not None and not watchdog.send({self.group}, 0)


class Processes:
    """The children of one `manage.py dev`. Not thread-safe: one loop starts, listens and stops.

    :param hurry: asked while children are being stopped; when true, they get no more time
    :param width: of the column with the names
    """

    def __init__(self, out: TextIO | None = None, *, hurry: Callable[[], bool] = lambda: False, width: int = 9) -> None:
        self.out = out or sys.stdout
        self.hurry = hurry
        self.width = width
        self.colours = self.out.isatty() and "NO_COLOR" not in os.environ
        self.children: list[Child] = []
        self.selector = selectors.DefaultSelector()
        self.watchdog = subprocess.Popen(
            [sys.executable, "-I", watchdog.__file__], stdin=subprocess.PIPE, start_new_session=True, text=True
        )

    def start(
        self,
        name: str,
        command: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path,
        stdin: str | None = None,
        hidden: str | None = None,
    ) -> Child:
        """Start a child whose lines are shown behind `name`, but for empty ones and those that hold `hidden`."""
        child = Child(name, command, env=env or {}, cwd=cwd, stdin=stdin, hidden=hidden)
        self._tell_watchdog(f"+{child.group}")
        self.children.append(child)
        self.selector.register(child.output, selectors.EVENT_READ, child)
        return child

    def say(self, line: str, name: str = "dev") -> None:
        """Print one line behind a name, as the children's lines are."""
        prefix = f"{name:<{self.width}} │"
        if self.colours:
            prefix = f"\033[{COLOURS.get(name, 37)}m{prefix}\033[0m"
        with suppress(OSError, ValueError):  # a closed terminal must not keep us from stopping the children
            self.out.write(f"{prefix} {line}\n")
            self.out.flush()

    def listen(self, seconds: float) -> None:
        """Show what the children print, for at most so long."""
        for key, _ in self.selector.select(seconds):
            self._show(key.data)

    def first_dead(self) -> Child | None:
        """Return a child that has ended by itself."""
        return next((child for child in self.children if child.exit_code is not None), None)

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> bool:
        """Listen until `ready()` is true, a child has died or the time is over; return whether it is ready."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self.first_dead() is None:
            if ready():
                return True
            self.listen(0.1)
        return False

    def stop(
        self,
        children: Sequence[Child],
        *,
        grace: float,
        then: int | None = None,
        more: float = 0.0,
        why: Callable[[Sequence[Child]], str] = lambda late: "",
    ) -> None:
        """End children and all that they started.

        :param grace: seconds from SIGTERM on
        :param then: a second, more urgent signal that the program knows
        :param more: seconds from that one on, before SIGKILL
        :param why: gets those that are left when the second signal is sent, and returns a line about it or nothing
        """
        children = list(children)
        for child in children:
            child.signal(signal.SIGTERM)
        self._wait_gone(children, grace)
        late = [child for child in children if not child.gone]
        if then is not None and late:
            if line := why(late):
                self.say(line)
            for child in late:
                child.signal(then)
            self._wait_gone(children, more)
        for child in children:
            if not child.gone:
                self.say(f"{child.name} did not stop in time and was killed")
                child.signal(signal.SIGKILL, whole_group=True)
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.process.wait(2.0)
            self._forget(child)

    def close(self) -> None:
        """Let the watchdog go, which kills whatever is left."""
        if self.watchdog.stdin is not None:
            with suppress(OSError):
                self.watchdog.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self.watchdog.wait(watchdog.GRACE + 1)
        self.selector.close()

    def _wait_gone(self, children: Sequence[Child], seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not self.hurry() and not all(child.gone for child in children):
            self.listen(0.05)
            time.sleep(0.01)

    def _forget(self, child: Child) -> None:
        self._show(child)
        with suppress(KeyError, ValueError):
            self.selector.unregister(child.output)
        child.output.close()
        self._tell_watchdog(f"-{child.group}")
        self.children.remove(child)

    def _show(self, child: Child) -> None:
        try:
            piece = os.read(child.output.fileno(), LONGEST_LINE)
        except (BlockingIOError, ValueError, OSError):
            return
        if not piece:
            with suppress(KeyError):
                self.selector.unregister(child.output)
            lines, child.buffer = [child.buffer] if child.buffer else [], b""
        else:
            *lines, child.buffer = (child.buffer + piece).split(b"\n")
            if len(child.buffer) > LONGEST_LINE:
                lines, child.buffer = [*lines, child.buffer], b""
        for line in lines:
            text = line.decode(errors="replace").rstrip("\r")
            if text.strip() and (child.hidden is None or child.hidden not in text):
                self.say(text, child.name)

    def _tell_watchdog(self, line: str) -> None:
        assert self.watchdog.stdin is not None
        with suppress(OSError):
            self.watchdog.stdin.write(line + "\n")
            self.watchdog.stdin.flush()
