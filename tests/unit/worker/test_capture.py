"""What is captured, and that nothing else changes."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded

from scheduler.worker import capture
from scheduler.worker.reporter import Reporter

logger = logging.getLogger("tests.capture")


class Heard:
    """A sink that keeps everything."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def add_record(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def add_print(self, stream: str, text: str) -> None:
        self.lines.append(f"{stream} {text!r}")


class Broken:
    """A sink that can't take anything."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def add_record(self, record: logging.LogRecord) -> None:
        raise self.error

    add_print: Any = add_record


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def root() -> Iterator[io.StringIO]:
    """What the worker's own log says, at level WARNING."""
    stream = io.StringIO()
    handler, level, handlers = logging.StreamHandler(stream), logging.root.level, logging.root.handlers
    logging.root.handlers = [handler]
    logging.root.setLevel(logging.WARNING)
    yield stream
    logging.root.handlers = handlers
    logging.root.setLevel(level)


def test_information_is_captured_below_the_level_of_the_workers_own_log(heard: Heard, root: io.StringIO) -> None:
    logger.info("before")
    with capture.capturing(heard):
        logger.debug("detail")
        logger.info("information")
        logger.warning("warning")
        assert logger.isEnabledFor(logging.INFO)
    assert not logger.isEnabledFor(logging.INFO)
    logger.warning("after")
    assert heard.lines == ["information", "warning"]
    assert root.getvalue() == "warning\nafter\n"


def test_details_are_captured_where_the_worker_wants_them(heard: Heard, root: io.StringIO) -> None:
    logging.root.setLevel(logging.DEBUG)
    with capture.capturing(heard):
        logger.debug("detail")
    assert heard.lines == ["detail"]


def test_what_somebody_has_switched_off_stays_off(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    off = logging.getLogger("tests.capture.off")
    monkeypatch.setattr(off, "disabled", True)
    filtered = logging.getLogger("tests.capture.filtered")
    filtered.addFilter(lambda record: False)
    with capture.capturing(heard):
        off.error("off")
        filtered.error("filtered")
        logging.disable(logging.CRITICAL)
        try:
            logger.error("all off")
        finally:
            logging.disable(logging.NOTSET)
    assert heard.lines == []


def test_celerys_line_on_the_end_of_a_task_is_not_the_tasks(heard: Heard) -> None:
    with capture.capturing(heard):
        logging.getLogger("celery.app.trace").info("Task succeeded")
    assert heard.lines == []


def test_what_is_printed_is_captured_and_still_printed(heard: Heard, capsys: pytest.CaptureFixture[str]) -> None:
    print("before")
    with capture.capturing(heard):
        print("a", "b")
        print("c", file=sys.stderr)
        sys.stdout.writelines(["d\n", "e\n"])
        sys.stdout.flush()
    print("after")
    assert heard.lines == [
        "STDOUT 'a'", "STDOUT ' '", "STDOUT 'b'", "STDOUT '\\n'", "STDERR 'c'", "STDERR '\\n'",
        "STDOUT 'd\\n'", "STDOUT 'e\\n'",
    ]  # fmt: skip
    said = capsys.readouterr()
    assert (said.out, said.err) == ("before\na b\nd\ne\nafter\n", "c\n")


def test_a_task_that_redirects_its_output_has_it_for_itself(heard: Heard) -> None:
    with capture.capturing(heard), contextlib.redirect_stdout(io.StringIO()) as own:
        print("own")
    assert heard.lines == []
    assert own.getvalue() == "own\n"


def test_a_logged_line_that_is_printed_is_captured_once(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging.root, "handlers", [])  # Python's last resort prints to stderr
    with capture.capturing(heard):
        logger.error("logged")
    assert heard.lines == ["logged"]


def test_a_printed_line_that_is_logged_is_captured_once(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    from celery.utils.log import LoggingProxy

    monkeypatch.setattr(sys, "stdout", LoggingProxy(logging.getLogger("celery.redirected"), logging.WARNING))
    with capture.capturing(heard):
        print("printed")
    assert heard.lines == ["STDOUT 'printed'", "STDOUT '\\n'"]


def test_what_goes_wrong_in_here_does_not_reach_the_task(capsys: pytest.CaptureFixture[str]) -> None:
    with capture.capturing(Broken(RuntimeError("broken"))):
        logger.error("logged")
        print("printed")
    assert "printed" in capsys.readouterr().out


def test_the_tasks_soft_time_limit_does(heard: Heard) -> None:
    with capture.capturing(Broken(SoftTimeLimitExceeded())), pytest.raises(SoftTimeLimitExceeded):
        logger.error("logged")


def in_thread(work: Any) -> None:
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_other_threads_are_captured_where_tasks_run_one_by_one(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    with capture.capturing(heard):
        in_thread(lambda: logger.error("side by side"))
    monkeypatch.setattr(capture, "current_process", lambda: type("Pool", (), {"daemon": True}))

    def left_out() -> None:
        capture.leave_out_this_thread()
        logger.error("our own")

    with capture.capturing(heard):
        in_thread(lambda: logger.error("one by one"))
        in_thread(left_out)
    in_thread(lambda: logger.error("after"))
    assert heard.lines == ["one by one"]


def test_what_the_reporter_meets_is_not_the_tasks(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    """It runs in the task's process; an outage that it logs would be written by itself into the task's log."""
    told = threading.Event()

    class Teller:
        def flush(self) -> bool:
            logger.warning("the database is out of reach")
            told.set()
            return False

    monkeypatch.setattr(capture, "current_process", lambda: SimpleNamespace(daemon=True))
    with capture.capturing(heard):
        Reporter().watch(Teller())
        assert told.wait(10)
        logger.warning("the task's own")
    assert heard.lines == ["the task's own"]


def test_what_is_awaited_or_sent_through_asyncio_is_captured(heard: Heard) -> None:
    async def body() -> None:
        logger.error("awaited")
        await asyncio.to_thread(logger.error, "in a thread")

    with capture.capturing(heard):
        asyncio.run(body())
    assert heard.lines == ["awaited", "in a thread"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_process_that_the_body_forks_is_not_captured(heard: Heard) -> None:
    with capture.capturing(heard):
        child = os.fork()
        if child == 0:
            logger.error("in the copy")
            os._exit(len(heard.lines))
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        logger.error("here")
    assert heard.lines == ["here"]
