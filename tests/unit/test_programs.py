"""Programs that the tests start are ended with all that they started, and nobody else is."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from tests.programs import Program
from tests.waiting import stays_true, wait_for


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Program]:
    """Somebody else's program."""
    other = Program(["sleep", "1000"], name="other", log=tmp_path / "other.log")
    yield other
    with suppress(ProcessLookupError):
        os.killpg(other.pid, signal.SIGKILL)
    other.wait()


def test_what_a_dead_program_started_is_ended(tmp_path: Path) -> None:
    program = Program(["sh", "-c", "sleep 1000 & echo $!"], name="parent", log=tmp_path / "log")
    program.wait()
    child = psutil.Process(int(program.output))
    assert child.is_running()
    program.end()
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, what="the child to end")


@pytest.mark.parametrize("how", ["end", "kill", "kill the group"])
def test_who_got_a_dead_programs_number_is_left_alone(tmp_path: Path, other: Program, how: str) -> None:
    """The kernel hands numbers out again: after 32,768 processes, which a fault suite starts within minutes."""
    program = Program(["true"], name="dead", log=tmp_path / "log")
    program.wait()
    program.process.pid, program._ended_at = other.pid, time.clock_gettime(time.CLOCK_BOOTTIME) - 60
    program.end() if how == "end" else program.kill(group=how == "kill the group")
    stays_true(lambda: other.is_running, seconds=0.5)
