"""Actions on many jobs and runs: what is asked for, and how the engine carries it out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import OperationalError

from scheduler import bulk, jobs
from scheduler.engine.bulk import carry_out
from scheduler.exceptions import InvalidInput
from scheduler.lookup import get_job, state_of
from scheduler.models import BulkAction, BulkPart, State, TaskRun

pytestmark = pytest.mark.django_db

TASK = "tests.app.tasks.add"


@pytest.fixture
def three() -> list[str]:
    """The ids of three jobs."""
    for number in range(3):
        jobs.add_job(TASK, "interval", hours=1, id=f"job-{number}", args=[1])
    return [f"job-{number}" for number in range(3)]


def never() -> bool:
    return False


def after(count: int) -> Callable[[], bool]:
    """It is enough after so many objects."""
    asked = iter(range(1, 1_000))
    return lambda: next(asked) >= count


def do_all(enough: Callable[[], bool] = never) -> int:
    """Carry out what is open; return in how many slices."""
    slices = 0
    while carry_out(enough, lambda new: None):
        slices += 1
    return slices


def states(ids: list[str]) -> list[str]:
    return [state_of(get_job(job_id)) for job_id in ids]


# -- asking ------------------------------------------------------------------------------------------------------------


def test_what_is_asked_for_is_noted_and_nothing_done_yet(three: list[str]) -> None:
    asked = bulk.start("pause", [*three, three[0]], by="anna", user_id=7)
    assert (asked.total, asked.done, asked.refused, asked.finished_at) == (3, 0, 0, None)
    assert (asked.requested_by, asked.user_id) == ("anna", "7")
    assert states(three) == ["scheduled"] * 3


@pytest.mark.parametrize(
    ("action", "ids", "field"),
    [
        ("explode", ["job-0"], "action"),
        ("", ["job-0"], "action"),
        ("pause", [], "ids"),
        ("pause", ["job-0", ""], "ids"),
        ("pause", ["job\x00"], "ids"),
        ("pause", ["job\ud800"], "ids"),
        ("pause", ["x" * 256], "ids"),
        ("cancel", ["job-0"], "ids"),
        ("retry", [str(uuid.UUID(int=1)), "'; DROP TABLE"], "ids"),
    ],
)
def test_what_makes_no_sense_is_refused_as_a_whole(action: str, ids: list[str], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bulk.start(action, ids, by="anna")
    assert caught.value.field == field
    assert not BulkAction.objects.exists()


def test_what_is_asked_for_twice_under_one_id_is_done_once(three: list[str]) -> None:
    chosen = uuid.uuid4()
    first, again = (bulk.start("run", three, by="ann", bulk_id=chosen) for _ in range(2))
    assert first == again and first.id == chosen
    assert BulkAction.objects.count() == BulkPart.objects.count() == 1
    assert bulk.start("run", three, by="ann") != first


def test_a_hundred_thousand_ids_are_noted_in_parts(django_assert_max_num_queries: Any) -> None:
    ids = (uuid.UUID(int=number) for number in range(100_000))
    with django_assert_max_num_queries(10):
        asked = bulk.start("cancel", ids, by="anna")
    assert asked.total == 100_000
    assert asked.parts.count() == 100_000 / bulk.PART


# -- carrying out ------------------------------------------------------------------------------------------------------


def test_each_action_on_jobs_does_what_it_does_to_one(three: list[str]) -> None:
    expected = {
        "pause": ["paused"] * 3,
        "resume": ["scheduled"] * 3,
        "run": ["scheduled"] * 3,
        "remove": ["removed"] * 3,
    }
    for action, state in expected.items():
        asked = bulk.start(action, three, by="anna")
        assert do_all() == 1
        asked.refresh_from_db()
        assert (asked.done, asked.refused) == (3, 0)
        assert asked.finished_at is not None
        assert states(three) == state
    made = TaskRun.objects.all()
    assert sorted(run.job_id for run in made) == three
    assert {run.requested_by for run in made} == {"anna"}
    assert not BulkPart.objects.exists()


def test_runs_are_cancelled_and_retried(three: list[str]) -> None:
    first = [jobs.run_job(job_id).id for job_id in three]
    bulk.start("cancel", first, by="anna")
    do_all()
    assert {run.state for run in TaskRun.objects.all()} == {State.CANCELLED}
    bulk.start("retry", first, by="anna")
    do_all()
    assert TaskRun.objects.exclude(id__in=first).count() == 3
    assert {run.note for run in TaskRun.objects.exclude(id__in=first)} == {f"Retry of {run_id}" for run_id in first}


def test_refusals_cost_only_themselves_and_are_told(three: list[str]) -> None:
    jobs.remove_job("job-1")
    asked = bulk.start("pause", [*three, "no-such-job"], by="anna")
    do_all()
    asked.refresh_from_db()
    assert (asked.done, asked.refused) == (2, 2)
    assert [job_id for job_id, _ in asked.refusals] == ["job-1", "no-such-job"]
    assert "names no job" in asked.refusals[0][1]
    assert states(three) == ["paused", "removed", "paused"]


def test_the_first_hundred_refusals_are_kept() -> None:
    asked = bulk.start("pause", [f"job-{number}" for number in range(250)], by="anna")
    do_all()
    asked.refresh_from_db()
    assert (asked.refused, len(asked.refusals)) == (250, 100)


def test_a_fault_in_one_object_is_a_refusal_and_leaves_nothing_half_done(
    three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(job_id: str, by: str) -> Any:
        paused = jobs.pause_job(job_id)
        if job_id == "job-1":
            raise RuntimeError("broken")
        return paused

    monkeypatch.setitem(bulk.ACTIONS, "pause", bulk.Action(bulk.ScheduledTask, fail, "Paused."))
    asked = bulk.start("pause", three, by="anna")
    do_all()
    asked.refresh_from_db()
    assert asked.refusals == [["job-1", "RuntimeError: broken"]]
    assert states(three) == ["paused", "scheduled", "paused"]


def test_an_action_of_another_version_is_refused_and_ends(three: list[str]) -> None:
    asked = bulk.start("pause", three, by="anna")
    BulkAction.objects.update(action="explode")
    do_all()
    asked.refresh_from_db()
    assert asked.refused == 3 and asked.finished_at is not None


def test_a_slice_ends_when_it_is_enough_and_the_next_goes_on(three: list[str]) -> None:
    asked = bulk.start("pause", three, by="anna")
    assert carry_out(after(2), lambda new: None)
    asked.refresh_from_db()
    assert (asked.done, asked.finished_at) == (2, None)
    assert states(three) == ["paused", "paused", "scheduled"]
    assert carry_out(after(1), lambda new: None)
    asked.refresh_from_db()
    assert asked.finished_at is not None
    assert not carry_out(never, lambda new: None)


def test_an_outage_undoes_the_slice_and_nothing_is_done_twice(
    three: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []

    def run(job_id: str, by: str) -> Any:
        calls.append(job_id)
        if len(calls) == 3:
            raise OperationalError("away")
        return jobs.run_job(job_id, by=by)

    monkeypatch.setitem(bulk.ACTIONS, "run", bulk.Action(bulk.ScheduledTask, run, "Run."))
    asked = bulk.start("run", three, by="anna")
    with pytest.raises(OperationalError):
        carry_out(never, lambda new: None)
    assert not TaskRun.objects.exists()
    asked.refresh_from_db()
    assert asked.done == 0
    do_all()
    assert sorted(TaskRun.objects.values_list("job_id", flat=True)) == three


@pytest.mark.django_db(transaction=True)
def test_new_runs_are_published_together_after_the_commit(three: list[str]) -> None:
    bulk.start("run", three, by="anna")
    batches: list[list[str]] = []

    def publish(new: Any) -> None:
        assert TaskRun.objects.count() == 3  # committed
        batches.append([run.job_id for run in new])

    carry_out(never, publish)
    assert batches == [three]
    assert {run.state for run in TaskRun.objects.all()} == {State.PENDING}


def test_a_short_action_need_not_wait_for_the_end_of_a_long_one(three: list[str]) -> None:
    bulk.start("pause", [f"x-{number:05}" for number in range(20_000)], by="anna")
    short = bulk.start("pause", three, by="anna")
    for _ in range(60):  # one in two, by chance: 60 misses in a row don't happen
        carry_out(never, lambda new: None)
        short.refresh_from_db()
        if short.finished_at is not None:
            break
    assert short.finished_at is not None
    assert BulkPart.objects.exists()


def test_the_history_of_each_object_says_who_did_it(three: list[str]) -> None:
    anna = User.objects.create_user("anna")
    run = jobs.run_job("job-0")
    jobs.remove_job("job-1")
    bulk.start("pause", three, by="anna", user_id=anna.pk)
    bulk.start("cancel", [run.id], by="anna", user_id=str(anna.pk))
    bulk.start("resume", three, by="somebody", user_id="4711")
    bulk.start("pause", three, by="nobody", user_id="not a number")
    bulk.start("pause", three, by="cli:root")
    do_all()
    told = {(entry.user_id, entry.object_id, entry.get_change_message()) for entry in LogEntry.objects.all()}
    assert told == {
        (anna.pk, "job-0", "Paused."), (anna.pk, "job-2", "Paused."), (anna.pk, str(run.id), "Cancel asked for."),
    }  # fmt: skip


def test_idle_costs_one_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):
        assert not carry_out(never, lambda new: None)
