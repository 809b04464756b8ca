"""A scheduler that is killed at every line of a pass and its publishing, one process for each line."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Any

from django.db import connection, connections
from django_apscheduler.models import DjangoJob, DjangoJobExecution

import scheduler
from scheduler import add_job, clock, runs
from scheduler.db import close_own_connection, own_connection
from scheduler.engine.passes import plan_due
from scheduler.known_tasks import KnownTasks
from scheduler.models import ScheduledTask, State, TaskRun
from scheduler.publishing import Publisher, publish
from tests.conftest import _valkey
from tests.faults.conftest import reports
from tests.faults.site import WORK, Report
from tests.waiting import wait_for

CODE = str(Path(scheduler.__file__).parent)
PERIOD = 3600


def one_pass(later: timedelta = timedelta()) -> None:
    """Do what a scheduler does: plan what is due, publish it, publish what was left behind `later` from now."""
    publisher = Publisher(5)
    publish(publisher, plan_due(clock.now(), KnownTasks(), limit=500).new)
    publish(publisher, runs.take_unpublished(clock.now() + later, 500))
    publisher.close()


def in_child(work: Callable[[], None]) -> int:
    """Do `work` in a forked process with connections of its own; return its wait status."""
    pid = os.fork()
    if pid == 0:
        try:
            connection.connection = None  # the parent's socket must not be closed from here
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def traced(at_line: Callable[[int], None]) -> None:
    """Do a pass, calling `at_line` with a running number before each line of Tickwork's own code."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.startswith(CODE):
            return None
        if event == "line":
            count += 1
            at_line(count)
        return trace

    sys.settrace(trace)
    try:
        one_pass()
    finally:
        sys.settrace(None)


def count_lines(folder: Path) -> int:
    def count() -> None:
        seen = 0

        def note(number: int) -> None:
            nonlocal seen
            seen = number

        traced(note)
        (folder / "count").write_text(str(seen))

    assert in_child(count) == 0
    return int((folder / "count").read_text())


def prepare() -> datetime:
    """Leave one job in the database, due now, and nothing in the broker."""
    for model in (TaskRun, DjangoJobExecution, ScheduledTask, DjangoJob):
        model.objects.all().delete()
    with _valkey.client() as client:
        client.flushall()
    due = clock.now().replace(microsecond=0)
    add_job(WORK, "interval", id="it", seconds=PERIOD, start_date=due, timezone="UTC", kwargs={"ledger": "-"})
    DjangoJob.objects.update(next_run_time=due)
    connections.close_all()
    return due


def recover() -> None:
    """Let another scheduler do passes until the run is with the broker."""

    def recovered() -> bool:
        one_pass(timedelta(seconds=60))
        return TaskRun.objects.filter(state=State.QUEUED).exists()

    wait_for(recovered, what="another scheduler to do what was left", timeout=10, every=0.01)


def messages() -> list[dict[str, Any]]:
    with _valkey.client() as client:
        return [json.loads(raw) for raw in client.lrange("default", 0, -1)]


def check(due: datetime, point: int) -> None:
    run = TaskRun.objects.get()  # neither lost nor doubled
    assert (run.scheduled_at, run.state) == (due, State.QUEUED), f"line {point}"
    assert DjangoJobExecution.objects.get().id == run.execution_id, f"line {point}"
    assert DjangoJob.objects.get().next_run_time == due + timedelta(seconds=PERIOD), f"line {point}"
    sent = messages()
    assert {message["headers"]["id"] for message in sent} == {str(run.id)}, f"line {point}: {len(sent)} messages"
    claims = [
        runs.claim(
            own_connection(), message["headers"]["id"], message["headers"]["tickwork"], WORK,
            worker="w", process=None, pid=1, now=clock.now(),
        )
        for message in sent
    ]  # fmt: skip
    assert sum(claim is not None for claim in claims) == 1, f"line {point}: the body would start {claims}"


def test_a_scheduler_killed_at_any_line_of_a_pass_loses_and_doubles_nothing(database: None, tmp_path: Path) -> None:
    _valkey.start()
    prepare()
    recover()  # fills what is remembered between passes, so that each pass has the lines of the one that is counted
    prepare()
    lines = count_lines(tmp_path)
    assert lines > 200, "the trace has missed the pass"
    sent_twice = 0

    def die(at: int) -> None:
        traced(lambda number: os.kill(os.getpid(), signal.SIGKILL) if number == at else None)

    killed = 0
    for point in range(1, lines + 1):
        due = prepare()
        status = in_child(lambda at=point: die(at))
        assert os.WIFSIGNALED(status) or status == 0, f"line {point}: the pass failed with {status}"
        killed += os.WIFSIGNALED(status)  # a pass may have a line or two less than the one that was counted
        recover()
        sent_twice += len(messages()) > 1
        check(due, point)
    assert killed > lines * 0.98, f"only {killed} of {lines} lines were reached"
    close_own_connection()
    note = f"{lines} lines; sent twice at {sent_twice} of them and claimed once"
    reports.append(Report(f"killed at every line ({connection.vendor})", killed, lines, 0, 0, 0.0, [note]))
