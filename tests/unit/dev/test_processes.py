"""Child processes of `manage.py dev`: their lines, their end, and what happens when dev itself is killed."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from scheduler.dev.processes import Processes
from scheduler.dev.watchdog import send, watch

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]
WITH_GRANDCHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time\n"
    "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
    "print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def processes(out: io.StringIO) -> Iterator[Processes]:
    processes = Processes(out)
    yield processes
    processes.stop(processes.children, grace=0)
    processes.close()


def eventually(look: Callable[[], bool], seconds: float = 15) -> bool:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if look():
            return True
        time.sleep(0.02)
    return False


def test_each_line_stands_behind_the_name_of_its_process(
    processes: Processes, out: io.StringIO, tmp_path: Path
) -> None:
    processes.start("web", [sys.executable, "-c", r"print('one\ntwo'); print('three', end='')"], cwd=tmp_path)
    assert eventually(lambda: processes.listen(0.05) or "three" in out.getvalue())
    assert out.getvalue().splitlines() == ["web       │ one", "web       │ two", "web       │ three"]


def test_a_process_that_ends_by_itself_is_noticed(processes: Processes, tmp_path: Path) -> None:
    child = processes.start("worker", [sys.executable, "-c", "raise SystemExit(7)"], cwd=tmp_path)
    assert eventually(lambda: processes.first_dead() is child)
    assert child.exit_code == 7
    assert not processes.wait_until(lambda: False, 30)


def test_stopping_ends_what_the_process_has_started(processes: Processes, out: io.StringIO, tmp_path: Path) -> None:
    child = processes.start("worker", WITH_GRANDCHILD, cwd=tmp_path)
    assert processes.wait_until(lambda: "up" in out.getvalue(), 15)
    processes.stop(processes.children, grace=0.2)
    assert eventually(lambda: not send({child.group}, 0))
    assert not processes.children


def test_a_process_that_ignores_the_signal_is_killed(processes: Processes, out: io.StringIO, tmp_path: Path) -> None:
    child = processes.start("worker", STUBBORN, cwd=tmp_path)
    assert processes.wait_until(lambda: "up" in out.getvalue(), 15)
    processes.stop(processes.children, grace=0.2)
    assert child.exit_code == -signal.SIGKILL
    assert "worker did not stop in time and was killed" in out.getvalue()


def test_empty_lines_and_a_known_noise_are_not_shown(processes: Processes, out: io.StringIO, tmp_path: Path) -> None:
    code = r"print('9:M * Reading config\n\nready')"
    processes.start("broker", [sys.executable, "-c", code], cwd=tmp_path, hidden="Reading config")
    assert eventually(lambda: processes.listen(0.05) or "ready" in out.getvalue())
    assert out.getvalue().splitlines() == ["broker    │ ready"]


def test_a_line_says_that_the_second_signal_was_needed(processes: Processes, out: io.StringIO, tmp_path: Path) -> None:
    processes.start("worker", STUBBORN, cwd=tmp_path)
    assert processes.wait_until(lambda: "up" in out.getvalue(), 15)
    processes.stop(
        processes.children,
        grace=0.2,
        then=signal.SIGQUIT,
        more=5,
        why=lambda late: f"{len(late)} broken off",
    )
    assert "dev       │ 1 broken off" in out.getvalue()
    assert "was killed" not in out.getvalue()


def test_a_second_wish_to_stop_leaves_no_more_time(out: io.StringIO, tmp_path: Path) -> None:
    processes = Processes(out, hurry=lambda: True)
    processes.start("worker", STUBBORN, cwd=tmp_path)
    assert processes.wait_until(lambda: "up" in out.getvalue(), 15)
    before = time.monotonic()
    processes.stop(processes.children, grace=60)
    processes.close()
    assert time.monotonic() - before < 10


def test_when_dev_is_killed_its_processes_end_too(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from scheduler.dev.processes import Processes\n"
        f"child = Processes().start('worker', {SLEEP!r}, cwd=Path({str(tmp_path)!r}))\n"
        "print(child.group, flush=True); time.sleep(600)"
    )
    dev = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert dev.stdout is not None
    group = int(dev.stdout.readline())
    assert send({group}, 0)
    os.kill(dev.pid, signal.SIGKILL)
    dev.wait()
    dev.stdout.close()
    assert eventually(lambda: not send({group}, 0))


def test_the_watchdog_leaves_alone_what_was_stopped() -> None:
    assert watch(["+10\n", "+11\n", "-10\n"]) == {11}
