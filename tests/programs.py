"""Starting and ending programs, so that none outlives the tests."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Program:
    """One started program in a process group of its own, with its output in a file."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        name: str,
        log: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        end_with: signal.Signals = signal.SIGTERM,
        **popen: Any,
    ) -> None:
        self.name, self.log, self.end_with = name, log, end_with
        self._ended_at: float | None = None
        with log.open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=None if env is None else dict(env),
                cwd=cwd,
                start_new_session=True,
                preexec_fn=lambda: _libc.prctl(PR_SET_PDEATHSIG, end_with),
                **popen,
            )

    def __repr__(self) -> str:
        return f"<{self.name} {self.pid}>"

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_running(self) -> bool:
        if self.process.poll() is None:
            return True
        self._note_end()
        return False

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself, not its children."""
        if self.is_running:
            self.process.send_signal(number)

    def wait(self, timeout: float = 10.0) -> int:
        """Wait for its end and return its exit code. :raises subprocess.TimeoutExpired: if it goes on"""
        code = self.process.wait(timeout)
        self._note_end()
        return code

    def terminate(self, timeout: float = 10.0) -> int:
        """Ask it to end, and wait for that."""
        self.signal(self.end_with)
        return self.wait(timeout)

    def kill(self, *, group: bool = False) -> None:
        """Kill it without notice (with its children, if `group`)."""
        if group:
            self._kill_group()
        else:
            self.process.kill()
        self.wait()

    def end(self) -> None:
        """End it and whatever it started, by force if need be."""
        try:
            self.terminate(6)
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._kill_group()
            with suppress(subprocess.TimeoutExpired):
                self.wait(5)

    def _kill_group(self) -> None:
        if self.is_running or self._has_left_children():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def _note_end(self) -> None:
        if self._ended_at is None:
            self._ended_at = time.clock_gettime(time.CLOCK_BOOTTIME)

    def _has_left_children(self) -> bool:
        """Whether what it started lives on. Its number may be another group's by now, of which nobody is as old."""
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        assert self._ended_at is not None
        return any(_started_at(pid) <= self._ended_at for pid in psutil.pids() if _group_of(pid) == self.pid)


def _group_of(pid: int) -> int | None:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return None


def _started_at(pid: int) -> float:
    """Return when a process began, in seconds since this machine did (proc_pid_stat(5)); infinity if it has gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return float("inf")
    return int(stat.rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
