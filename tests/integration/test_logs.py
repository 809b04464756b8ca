"""What a task logs and prints, in the log of its run: real workers, with and without Celery's redirection."""

from __future__ import annotations

import re
from typing import Any

from django.db import connection

from scheduler import add_job, run_job, runs
from scheduler.models import RunLog, State, TaskRun
from tests.cluster import Cluster
from tests.runs import wait_for_end
from tests.servers import Postgres
from tests.waiting import wait_for

TASKS = "tests.app.tasks."
LINE = re.compile(r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\w+) +(.*)$")


def start(task: str, *args: Any, job_id: str = "talker", **options: Any) -> TaskRun:
    add_job(TASKS + task, "interval", hours=1, id=job_id, args=args, replace_existing=True, **options)
    return run_job(job_id, by="the test")


def log_of(run: TaskRun) -> str:
    return "".join(runs.whole_log(run.id))


def lines_of(run: TaskRun) -> list[tuple[str, str]]:
    """Each line's level and text; each line must have a time as well."""
    found = [LINE.match(line) for line in log_of(run).splitlines()]
    assert all(found), log_of(run)
    return [(match[2], match[3]) for match in found if match]


SAID = [
    ("INFO", "tests.app.tasks: said by logging"),
    ("INFO", "tests.quiet: said by a logger that is quiet and alone"),
    ("WARNING", "tests.app.tasks: said by Celery's logger"),
    ("STDOUT", "printed 1 line"),
    ("STDERR", "printed to stderr"),
    ("STDOUT", "100 %***** *****"),
    ("INFO", "tests.app.tasks: nul ␀, half ?, red and"),
    ("INFO", "two lines"),
    ("INFO", "tests.app.tasks: (a message that can't be put together: TypeError)"),
    ("INFO", "tests.app.tasks: said in a thread"),
    ("ERROR", "tests.app.tasks: went wrong"),
    ("ERROR", "Traceback (most recent call last):"),
]


def test_what_a_task_logs_and_prints_is_in_the_log_of_its_run(service: Cluster) -> None:
    run = wait_for_end(start("talk", 0, "hunter2", "hunter3"))
    assert run.state == State.SUCCESS
    lines = lines_of(run)
    assert lines[: len(SAID)] == SAID
    assert lines[-2:] == [("ERROR", "KeyError: 'caught'"), ("STDOUT", "no end of the line")]
    assert "copy of the process" not in log_of(run)
    assert RunLog.objects.filter(run=run).count() == 1  # it was short, and went with the outcome


def test_a_log_can_be_followed_while_its_task_runs(service: Cluster) -> None:
    run = start("talk", 30)
    first = wait_for(lambda: runs.read_log(run.id), what="the first piece")
    run.refresh_from_db()
    assert run.state == State.RUNNING
    assert "said by logging" in first[0].text
    assert runs.read_log(run.id, after=first[-1].number) == []
    runs.cancel(run.id, by="the test")


def test_what_was_said_before_the_end_is_there_when_the_end_is(service: Cluster) -> None:
    run = start("talk", 1, kwargs={"fail_at_end": True})
    wait_for_end(run)
    assert len(runs.read_log(run.id)) > 1
    assert lines_of(run)[-1] == ("STDOUT", "no end of the line")
    assert log_of(run).count("said by logging") == 1


def test_a_later_attempt_goes_on_with_the_log(service: Cluster) -> None:
    run = wait_for_end(start("talk_twice"))
    assert run.attempt == 2
    assert lines_of(run) == [
        ("INFO", "tests.app.tasks: try 1"),
        ("NOTE", "Attempt 2 begins."),
        ("INFO", "tests.app.tasks: try 2"),
    ]


def test_a_task_that_says_nothing_has_no_log(service: Cluster) -> None:
    run = wait_for_end(start("do_nothing"))
    assert run.state == State.SUCCESS
    assert log_of(run) == ""


def test_a_line_of_ten_megabytes_is_cut_and_the_log_goes_on(service: Cluster) -> None:
    run = wait_for_end(start("talk_much", 10_000_000))
    assert run.state == State.SUCCESS
    lines = lines_of(run)
    assert [(level, text[-8:]) for level, text in lines] == [
        ("INFO", "x… (cut)"), ("STDOUT", "y… (cut)"), ("INFO", " the end"),
    ]  # fmt: skip
    assert len(log_of(run)) < 25_000


def test_a_log_that_is_full_says_so_and_its_task_goes_on(cluster: Cluster) -> None:
    cluster.worker(concurrency=1, MAX_LOG_BYTES=20_000)
    run = wait_for_end(start("talk_much", 1_000, 100))
    assert run.state == State.SUCCESS
    lines = lines_of(run)
    assert 15 < len(lines) <= 20
    assert lines[-1] == ("NOTE", "The log is cut here: it has reached MAX_LOG_BYTES (20000).")
    assert len(log_of(run)) < 20_200
    assert len(lines_of(wait_for_end(start("talk_much", 10, job_id="other")))) == 3


def test_levels_and_redirection_of_the_worker_make_no_difference(cluster: Cluster) -> None:
    cluster.env = {"LOG_LEVEL": "ERROR", "TEST_REDIRECT": "no"}
    worker = cluster.worker(more=["-l", "ERROR"])
    run = wait_for_end(start("talk", 0, "hunter2", "hunter3"))
    assert lines_of(run)[: len(SAID)] == SAID
    assert "went wrong" in worker.output  # the worker's own log is as it was
    assert "printed 1 line" in worker.output
    assert "said by" not in worker.output


def test_tasks_side_by_side_in_threads_have_logs_of_their_own(cluster: Cluster) -> None:
    cluster.worker(more=["-P", "threads"], concurrency=4)
    started = [start("talk_much", 10 + number, job_id=f"talker-{number}") for number in range(4)]
    for number, run in enumerate(map(wait_for_end, started)):
        assert [text for _, text in lines_of(run)] == [
            f"tests.app.tasks: {'x' * (10 + number)}", "y" * (10 + number), "tests.app.tasks: the end",
        ]  # fmt: skip


def test_an_outage_holds_up_neither_task_nor_log(postgres: Postgres, cluster: Cluster) -> None:
    worker = cluster.worker()
    run = start("talk", 2)
    wait_for(lambda: runs.read_log(run.id), what="the first piece")
    connection.close()
    postgres.stop()
    try:
        wait_for(lambda: "succeeded in" in worker.output, what="the end of the body")
    finally:
        postgres.start()
    assert wait_for_end(run).state == State.SUCCESS
    assert lines_of(run)[-1] == ("STDOUT", "no end of the line")
    assert log_of(run).count("said by logging") == 1
