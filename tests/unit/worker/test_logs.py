"""The log of an attempt: its lines, its bounds, and its way into the database."""

from __future__ import annotations

import logging
import pickle
import re
import threading
import time
import uuid
from typing import Any

import pytest
from django.db import OperationalError, connection
from django_apscheduler.models import DjangoJob

from scheduler import clock, db, runs
from scheduler.exceptions import RunNotFound
from scheduler.models import RunLog, ScheduledTask, State, TaskRun
from scheduler.runs import Outcome, Piece
from scheduler.worker import logs, reporter
from scheduler.worker.logs import AttemptLog

RECORD = logging.LogRecord("a.logger", logging.WARNING, "file", 1, "text %s", ("told",), None)


class Watching:
    """A reporter that asks nobody; the test does."""

    def __init__(self) -> None:
        self.watched: list[Any] = []

    def watch(self, teller: Any) -> None:
        self.watched.append(teller)


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Watching:
    found = Watching()
    monkeypatch.setattr(logs, "reporter", lambda: found)
    monkeypatch.setattr(logs, "INTERVAL", 0)
    return found


@pytest.fixture
def run(db: None) -> TaskRun:
    """A run in its first attempt."""
    job = ScheduledTask.objects.create(
        job=DjangoJob.objects.create(id="job", job_state=b""), task="tests.app.tasks.add"
    )
    run = runs.new_run(job, clock.now(), now=clock.now())
    run.state = State.RUNNING
    runs.insert([run])
    return run


@pytest.fixture
def same_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The connection of the test's transaction in place of the reporter's own."""
    monkeypatch.setattr(db, "own_connection", lambda: connection)


def log_of(run: TaskRun, attempt: int = 1, **options: Any) -> AttemptLog:
    return AttemptLog(str(run.id), attempt, lambda text: text.replace("hunter2", "*****"), **options)


def texts(log: AttemptLog) -> list[str]:
    """The lines that are left for the outcome, without their times."""
    lines = "".join(piece.text for piece in log.stop()).splitlines()
    assert all(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z ", line) for line in lines), lines
    return [line[25:] for line in lines]


@pytest.fixture
def log(watching: Watching) -> AttemptLog:
    return AttemptLog(str(uuid.uuid4()), 1, lambda text: text.replace("hunter2", "*****"))


def test_a_silent_attempt_costs_neither_query_nor_wake_up(
    log: AttemptLog, watching: Watching, django_assert_num_queries: Any, db: None
) -> None:
    with django_assert_num_queries(0):
        assert log.stop() == ()
    assert watching.watched == []


def test_each_line_has_time_and_level(log: AttemptLog) -> None:
    RECORD.created = 1_790_000_000.0625
    log.add_record(RECORD)
    assert log.stop() == (Piece(1, "2026-09-21T14:13:20.062Z WARNING  a.logger: text told\n"),)


@pytest.mark.parametrize(
    ("printed", "lines"),
    [
        (["a", " ", "b", "\n"], ["a b"]),
        (["a\nb\n\nc"], ["a", "b", "", "c"]),
        (["\n"], [""]),
        (["10 %\r", "20 %\r", "30 %\n"], ["30 %"]),
        (["\r10 %", "\r20 %"], ["20 %"]),
        (["windows\r\n"], ["windows"]),
        (["\x1b[1;31mred\x1b[0m\n"], ["red"]),
        (["a\x00b\udc80\n"], ["a␀b?"]),
        (["hunt", "er2\n"], ["*****"]),
    ],
)
def test_printed_lines_are_whole_and_clean(log: AttemptLog, printed: list[str], lines: list[str]) -> None:
    for text in printed:
        log.add_print("STDOUT", text)
    assert texts(log) == [f"STDOUT   {line}" for line in lines]


def test_the_two_streams_do_not_mix(log: AttemptLog) -> None:
    log.add_print("STDOUT", "out")
    log.add_print("STDERR", "error\n")
    log.add_print("STDOUT", "put\n")
    assert texts(log) == ["STDERR   error", "STDOUT   output"]


def test_an_error_comes_with_its_traceback_and_leaves_the_record_as_it_was(log: AttemptLog) -> None:
    try:
        raise ValueError("hunter2")
    except ValueError as error:
        record = logging.LogRecord("l", logging.ERROR, "f", 1, "failed", (), (ValueError, error, error.__traceback__))
    log.add_record(record)
    lines = texts(log)
    assert lines[:2] == ["ERROR    l: failed", "ERROR    Traceback (most recent call last):"]
    assert lines[-1] == "ERROR    ValueError: *****"
    assert record.exc_text is None


@pytest.mark.parametrize("size", [10_000_000])
@pytest.mark.parametrize("text", ["x", "x\n", "\n", "x\r"])
def test_text_of_any_size_is_harmless(log: AttemptLog, size: int, text: str) -> None:
    started = time.monotonic()
    log.add_print("STDOUT", text * (size // len(text)))
    log.add_print("STDOUT", "\n")
    assert sum(len(piece.text) for piece in log.stop()) < 1_000_200
    assert time.monotonic() - started < 5


def test_a_full_log_is_cut_once_and_takes_no_more(log: AttemptLog, settings: Any) -> None:
    settings.SCHEDULER = {"MAX_LOG_BYTES": 200}
    for number in range(1_000):
        log.add_print("STDOUT", f"line {number} ü\n")
    assert texts(log) == [
        *(f"STDOUT   line {number} ü" for number in range(4)),
        "NOTE     The log is cut here: it has reached MAX_LOG_BYTES (200).",
    ]


def test_no_log_is_kept_where_none_is_wanted(log: AttemptLog, watching: Watching, settings: Any) -> None:
    settings.SCHEDULER = {"MAX_LOG_BYTES": 0}
    log.add_print("STDOUT", "line\n")
    assert log.stop() == ()
    assert watching.watched == []


@pytest.mark.usefixtures("same_connection")
def test_the_reporter_writes_what_is_new_and_the_outcome_takes_the_rest(run: TaskRun, watching: Watching) -> None:
    log = log_of(run)
    log.add_print("STDOUT", "one\n")
    assert watching.watched == [log]
    assert log.flush()
    assert not log.flush()  # nothing new: the reporter may forget it
    log.add_print("STDOUT", "two\n")
    log.add_print("STDOUT", "three\n")
    assert watching.watched == [log, log]
    assert log.flush()
    log.add_print("STDOUT", "four")
    assert [piece.number for piece in runs.read_log(run.id)] == [1, 2]
    assert runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS, log=log.stop()))
    assert [line[34:] for line in "".join(runs.whole_log(run.id)).splitlines()] == ["one", "two", "three", "four"]
    assert [piece.number for piece in runs.read_log(run.id, after=2)] == [3]
    assert [piece.number for piece in runs.read_log(run.id, limit=2)] == [1, 2]


def test_a_log_in_many_pieces_keeps_its_order(run: TaskRun, watching: Watching) -> None:
    log = log_of(run)
    for number in range(3_000):
        log.add_print("STDOUT", f"{number:>100}\n")
    pieces = log.stop()
    assert len(pieces) > 5
    assert max(len(piece.text) for piece in pieces) < logs.PIECE_CHARS + 200
    runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS, log=pieces))
    assert [int(line[34:]) for line in "".join(runs.whole_log(run.id)).splitlines()] == list(range(3_000))


@pytest.mark.usefixtures("same_connection")
def test_what_an_outage_has_kept_back_is_written_once(
    run: TaskRun, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler.runs import logs as written

    log, append = log_of(run), written.append

    def lose_the_answer(*args: Any) -> None:
        append(*args)
        raise OperationalError("the answer is lost")

    log.add_print("STDOUT", "one\n")
    monkeypatch.setattr(written, "append", lose_the_answer)
    with pytest.raises(OperationalError):
        log.flush()
    monkeypatch.setattr(written, "append", append)
    log.add_print("STDOUT", "two\n")
    runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS, log=log.stop()))
    assert [line[34:] for line in "".join(runs.whole_log(run.id)).splitlines()] == ["one", "two"]


@pytest.mark.usefixtures("same_connection")
def test_the_reporter_asks_again_after_an_error(watching: Watching) -> None:
    class Failing:
        def flush(self) -> bool:
            raise OperationalError("away")

    assert reporter.Reporter._ask(reporter.Reporter.__new__(reporter.Reporter), Failing())


@pytest.mark.usefixtures("same_connection")
def test_a_database_that_hangs_does_not_hold_up_the_task(
    run: TaskRun, watching: Watching, monkeypatch: pytest.MonkeyPatch
) -> None:
    from scheduler.runs import logs as written

    hangs, answer = threading.Event(), threading.Event()

    def hang(*_: Any) -> None:
        hangs.set()
        answer.wait(20)

    monkeypatch.setattr(written, "append", hang)
    log = log_of(run)
    log.add_print("STDOUT", "one\n")
    writing = threading.Thread(target=log.flush)
    writing.start()
    assert hangs.wait(5)
    started = time.monotonic()
    log.add_print("STDOUT", "two\n")
    assert [piece.number for piece in log.stop()] == [1, 2]
    assert time.monotonic() - started < 5
    answer.set()
    writing.join()


def test_an_attempt_that_was_given_up_writes_no_more(run: TaskRun, watching: Watching) -> None:
    log = log_of(run)
    log.add_print("STDOUT", "one\n")
    TaskRun.objects.filter(id=run.id).update(attempt=2)
    from scheduler.runs.logs import append

    append(connection, str(run.id), 1, log.stop())
    assert not RunLog.objects.exists()


def test_a_retry_takes_the_rest_of_the_log_along_and_the_next_attempt_goes_on(run: TaskRun, watching: Watching) -> None:
    log = log_of(run)
    log.add_print("STDOUT", "one\n")
    assert runs.finish(connection, str(run.id), 1, Outcome(State.RETRYING, log=log.stop()))
    number, size = runs.log_end(connection, str(run.id))
    assert (number, size) == (1, len("".join(runs.whole_log(run.id))))
    TaskRun.objects.filter(id=run.id).update(state=State.RUNNING)
    again = log_of(run, 2, number=number, size=size)
    again.add_print("STDOUT", "ü\n")
    assert runs.finish(connection, str(run.id), 2, Outcome(State.SUCCESS, log=again.stop()))
    lines = "".join(runs.whole_log(run.id)).splitlines()
    assert [line[25:] for line in lines] == ["STDOUT   one", "NOTE     Attempt 2 begins.", "STDOUT   ü"]
    assert runs.log_end(connection, str(run.id)) == (2, len("\n".join(lines).encode()) + 1)


def test_later_attempts_share_the_room_of_the_run(run: TaskRun, watching: Watching, settings: Any) -> None:
    settings.SCHEDULER = {"MAX_LOG_BYTES": 100}
    again = log_of(run, 2, number=1, size=90)
    again.add_print("STDOUT", "line\n")
    assert texts(again) == ["NOTE     The log is cut here: it has reached MAX_LOG_BYTES (100)."]
    full = log_of(run, 3, number=2, size=170)
    full.add_print("STDOUT", "line\n")
    assert full.stop() == ()


def test_what_comes_after_the_end_is_dropped(log: AttemptLog) -> None:
    log.add_print("STDOUT", "line\n")
    pieces = log.stop()
    log.add_print("STDOUT", "late\n")
    assert log.stop() == pieces
    assert not log.flush()


def test_an_outcome_can_be_handed_over_with_its_log() -> None:
    outcome = Outcome(State.SUCCESS, log=(Piece(1, "line\n"),))
    assert pickle.loads(pickle.dumps(outcome)) == outcome


def test_the_whole_log_of_a_run_that_there_is_not_is_an_error_at_once(db: None) -> None:
    with pytest.raises(RunNotFound):
        runs.whole_log("no run")
