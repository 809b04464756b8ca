from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections

from scheduler import clock, jobs, runs
from scheduler.cli.queries import wait_for
from scheduler.exceptions import NotAllowed, RunNotFound
from scheduler.lookup import get_job
from scheduler.models import State, TaskRun

RUN_KEYS = [
    "id", "job_id", "task", "state", "reason", "requested_by", "scheduled_at", "queued_at", "started_at",
    "finished_at", "duration", "worker", "queue", "attempt", "args", "kwargs", "result", "exception", "traceback",
    "progress",
]  # fmt: skip


def work_on(run: TaskRun, outcome: runs.Outcome | None = None) -> TaskRun:
    """Claim a run as a worker does, and finish it."""
    connection = connections["default"]
    claim = runs.claim(
        connection, str(run.id), run.attempt, run.task, worker="w1", process=None, pid=1, now=clock.now()
    )  # fmt: skip
    assert claim is not None
    if outcome is not None:
        assert runs.finish(connection, str(run.id), run.attempt, outcome)
    return runs.get(run.id)


@pytest.fixture
def failed(nightly: Any) -> Any:
    """A run that failed, with arguments of its own."""
    run = jobs.run_job("nightly", args=[7], by="cli:anna")
    outcome = runs.Outcome(State.FAILURE, exception="ValueError: no\x1b[2J", traceback="Traceback\n  here")
    return work_on(run, outcome)


def test_show_tells_everything_of_a_run(call: Any, failed: Any) -> None:
    document = call("runs", "show", str(failed.id), "--json").document
    assert list(document) == RUN_KEYS
    assert (document["id"], document["job_id"], document["state"]) == (str(failed.id), "nightly", "failure")
    assert (document["args"], document["kwargs"], document["queue"]) == ([7], {"b": 2}, "default")
    assert (document["worker"], document["attempt"], document["requested_by"]) == ("w1", 1, "cli:anna")
    assert (document["result"], document["progress"]) == (None, None)
    assert document["exception"].startswith("ValueError: no")
    assert isinstance(document["duration"], float)
    for name in ("scheduled_at", "queued_at", "started_at", "finished_at"):
        assert document[name].endswith("+00:00")
    text = call("runs", "show", str(failed.id))
    assert text.endswith("\n\nTraceback\n  here\n")
    assert "\x1b" not in text


def test_a_result_is_a_plain_value_and_progress_an_object(call: Any, nightly: Any) -> None:
    progress = '{"current": 2, "total": 4, "text": "half"}'
    run = work_on(jobs.run_job("nightly"), runs.Outcome(State.SUCCESS, result='{"sum": 3}', progress=progress))
    document = call("runs", "show", str(run.id), "--json").document
    assert document["result"] == {"sum": 3}
    assert document["progress"] == {"current": 2, "total": 4, "text": "half"}
    assert "2 of 4 half" in call("runs", "show", str(run.id))


def test_list_shows_the_newest_first_and_fifty_unless_told(call: Any, nightly: Any) -> None:
    now = clock.now()
    runs.insert([runs.new_run(nightly, now - timedelta(minutes=n), now=now) for n in range(60)])
    times = [run["scheduled_at"] for run in call("runs", "list", "--json").document]
    assert len(times) == 50
    assert times == sorted(times, reverse=True)
    assert len(call("runs", "list", "--limit", "3", "--json").document) == 3
    assert len(call("runs", "list", "--since", "9m30s", "--json").document) == 10
    since = (now - timedelta(minutes=4)).isoformat()
    assert len(call("runs", "list", "--since", since, "--json").document) == 5


def test_list_filters_by_job_and_state(call: Any, failed: Any) -> Any:
    jobs.add_job("tests.app.tasks.do_nothing", "interval", minutes=1, id="other")
    jobs.run_job("other")

    def states(*filters: str) -> list[str]:
        return [run["state"] for run in call("runs", "list", *filters, "--json").document]

    assert states() == ["pending", "failure"]
    assert states("--job", "nightly") == ["failure"]
    assert states("--state", "pending") == ["pending"]
    assert states("--job", "nobody") == []
    assert call("runs", "list", "--job", "nobody") == "No runs.\n"


def test_the_table_of_runs_fits_into_100_columns(call: Any, failed: Any) -> None:
    lines = call("runs", "list").splitlines()
    assert lines[0].split() == ["ID", "STATE", "SCHEDULED", "(UTC)", "TOOK", "JOB"]
    assert lines[1].startswith(f"{failed.id}  failure")
    assert lines[1].endswith(" nightly")
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize(
    "filters",
    [
        ["--state", "done"],
        ["--since", "yesterday"],
        ["--since", "999999999999w"],
        ["--since", "0001-01-01T00:00+14:00"],
        ["--limit", "0"],
        ["--limit", "1e3"],
        ["--limit", "9999999999999"],
        ["--job", "\udcff"],
    ],
)
def test_a_wrong_filter_is_named(refused: Any, filters: Any) -> None:
    assert refused("runs", "list", *filters).startswith(filters[0].removeprefix("--") + ": ")


@pytest.mark.parametrize("action", ["show", "cancel", "retry"])
@pytest.mark.parametrize("run_id", ["nonsense", str(uuid.UUID(int=1)), "\udcff"])
def test_an_unknown_run_is_named(refused: Any, action: Any, run_id: Any) -> None:
    assert "names no run" in refused("runs", action, run_id)


def test_cancel_ends_a_waiting_run_and_asks_a_running_one(call: Any, nightly: Any) -> None:
    waiting = jobs.run_job("nightly")
    document = call("runs", "cancel", str(waiting.id), "--json").document
    assert document["state"] == "cancelled"
    assert document["reason"].startswith("Cancelled by cli:")
    running = work_on(jobs.run_job("nightly"))
    assert call("runs", "cancel", str(running.id)) == f"Run {running.id} is asked to stop.\n"
    assert runs.get(running.id).cancel_requested_by.startswith("cli:")


def test_an_ended_run_cannot_be_cancelled(refused: Any, failed: Any) -> None:
    assert refused("runs", "cancel", str(failed.id)).endswith("it has ended already (failure).")


def test_retry_is_a_new_manual_run_with_the_same_arguments(call: Any, failed: Any) -> None:
    document = call("runs", "retry", str(failed.id), "--json").document
    assert document["id"] != str(failed.id)
    assert (document["state"], document["args"], document["kwargs"]) == ("pending", [7], {"b": 2})
    again = runs.get(document["id"])
    assert again.note == f"Retry of {failed.id}"
    assert again.requested_by.startswith("cli:")
    assert runs.get(failed.id).state == State.FAILURE


def test_a_retry_waits_in_line_like_any_manual_run(call: Any, failed: Any) -> None:
    jobs.run_job("nightly")
    again = runs.retry(failed.id)
    assert again.waiting
    assert "waits in line until a live run of its job ends" in call("runs", "show", str(again.id))


def test_a_live_run_cannot_be_retried(refused: Any, nightly: Any) -> None:
    run = jobs.run_job("nightly")
    assert refused("runs", "retry", str(run.id)).endswith("can't be retried: it has not ended (pending).")
    assert TaskRun.objects.count() == 1


def test_a_run_whose_job_is_gone_cannot_be_retried(failed: Any) -> None:
    jobs.remove_job("nightly")
    with pytest.raises(NotAllowed, match="its job 'nightly' is gone"):
        runs.retry(failed.id)
    get_job("nightly").job.delete()
    with pytest.raises(NotAllowed, match="its job 'nightly' is gone"):
        runs.retry(failed.id)
    with pytest.raises(RunNotFound):
        runs.retry("nonsense")


def test_waiting_ends_when_the_run_does(nightly: Any) -> None:
    run = jobs.run_job("nightly")
    pauses = []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == 20:
            runs.cancel(run.id)

    assert wait_for(run.id, pause=pause).state == State.CANCELLED
    assert len(pauses) == 20
    assert max(pauses) == 0.5


def test_the_log_of_a_run_is_printed_when_asked_for(call: Any, nightly: Any) -> None:
    pieces = (runs.Piece(1, "2026-01-01T00:00:00.000Z INFO     a: one\n"), runs.Piece(2, "… ERROR    a: \x1btwo\n"))
    run = work_on(jobs.run_job("nightly"), runs.Outcome(State.SUCCESS, log=pieces))
    assert call("runs", "show", str(run.id), "--log") == (
        "2026-01-01T00:00:00.000Z INFO     a: one\n… ERROR    a: \\x1btwo\n"
    )
    document = call("runs", "show", str(run.id), "--log", "--json").document
    assert list(document) == [*RUN_KEYS, "log"]
    assert document["log"] == "".join(piece.text for piece in pieces)
    assert list(call("runs", "show", str(run.id), "--json").document) == RUN_KEYS


def test_a_run_without_a_log_says_so_beside_the_output(call: Any, failed: Any) -> None:
    said = call("runs", "show", str(failed.id), "--log")
    assert said == ""
    assert said.stderr == "Its task has logged and printed nothing that is still kept.\n"
