"""The state machine of runs: every transition, and every guard."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import Model
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import clock, runs
from scheduler.exceptions import NotAllowed, RunNotFound
from scheduler.models import LIVE, TERMINAL, ScheduledTask, State, TaskRun
from scheduler.runs import Outcome
from scheduler.runs.endings import REASON_KEPT
from scheduler.runs.statements import ATTEMPTS_KEPT, aware
from tests.runs import execution_of

pytestmark = pytest.mark.django_db

TASK = "tests.app.tasks.add"
WORKER: dict[str, Any] = {"worker": "w@host", "process": uuid.uuid4(), "pid": 7}


@pytest.fixture
def job() -> ScheduledTask:
    row = DjangoJob.objects.create(id="job", next_run_time=None, job_state=b"")
    return ScheduledTask.objects.create(job=row, task=TASK, args=[1], kwargs={"b": 2})


def insert(job: ScheduledTask, **fields: Any) -> TaskRun:
    """Write a run of the job; fields that a new run does not take are set afterwards."""
    run = runs.new_run(job, clock.now(), now=clock.now(), run_id=uuid.uuid4())
    assert runs.insert([run]) == [run]
    TaskRun.objects.filter(id=run.id).update(**fields)
    run.refresh_from_db()
    return run


def claim(run: TaskRun, attempt: int = 1, task: str = TASK) -> runs.Claim | None:
    return runs.claim(connection, str(run.id), attempt, task, now=clock.now(), **WORKER)


def state(run: TaskRun) -> str:
    run.refresh_from_db()
    return run.state


def test_the_same_firing_always_has_the_same_id() -> None:
    at = datetime(2026, 3, 2, 12, tzinfo=UTC)
    assert runs.firing_id("job", at) == runs.firing_id("job", at.astimezone(ZoneInfo("Asia/Tokyo")))
    assert runs.firing_id("job", at) != runs.firing_id("job", at + timedelta(microseconds=1))
    assert runs.firing_id("job", at) != runs.firing_id("other", at)


def test_a_new_run_carries_what_it_needs_without_its_job(job: ScheduledTask) -> None:
    job.queue, job.priority, job.time_limit, job.on_lost, job.expires = "long", 3, 60.0, "retry", 10.0
    now = clock.now()
    run = runs.new_run(job, now, now=now)
    assert (run.job_id, run.task, run.args, run.kwargs, run.queue) == ("job", TASK, [1], {"b": 2}, "long")
    assert run.options == {"priority": 3, "time_limit": 60.0, "on_lost": "retry"}
    assert run.expires_at == now + timedelta(seconds=10)
    assert run.id == runs.firing_id("job", now)


def test_new_runs_are_stored_with_every_field_as_it_was(job: ScheduledTask) -> None:
    job.args, job.kwargs = [1, 2.5, None, "ж 🎈 \\ % %s '"], {"deep": [{"a": [True]}], "": "\x7f"}
    job.priority, job.soft_time_limit, job.expires, job.queue = 3, 1.5, 0.25, "long"
    now = clock.now()
    new = [
        runs.new_run(job, now, now=now),
        runs.new_run(job, now + timedelta(microseconds=1), now=now, waiting=True, requested_by="O'Neil", note="a\nb"),
        runs.new_run(job, now - timedelta(days=9999), now=now, state=State.MISSED, reason="Missed: “late”"),
        runs.new_run(
            job, now, now=now, run_id=uuid.uuid4(), state=State.SKIPPED, reason="x" * 3000, args=[], kwargs={}
        ),
    ]
    new[-1].scheduled_at += timedelta(hours=1)
    wanted = [{field.attname: getattr(run, field.attname) for field in TaskRun._meta.concrete_fields} for run in new]
    assert runs.insert(new) == new
    for run, fields in zip(new, wanted, strict=True):
        stored = TaskRun.objects.get(id=run.id)
        found = {name: getattr(stored, name) for name in fields}
        assert found == {**fields, "execution_id": run.execution_id}
        row = DjangoJobExecution.objects.get(id=run.execution_id)
        assert (row.job_id, row.run_time, row.traceback) == (run.job_id, run.scheduled_at, None)
    statuses = [execution_of(run).status for run in new]
    assert statuses == ["Started execution", "Started execution", "Missed!", "Max instances!"]
    missed, skipped = (execution_of(run) for run in new[2:])
    assert (missed.exception, missed.duration) == ("Missed: “late”", 0)
    assert float(missed.finished) == round(now.timestamp(), 2)
    assert len(skipped.exception) == 1000


def test_new_runs_are_stored_as_django_stores_them(job: ScheduledTask) -> None:
    """To the letter, for what compares or sorts stored values: SQLite has neither instants nor UUIDs."""
    job.args, job.priority, job.expires = ["ж", {"a": None}], 3, 60
    for at in (clock.now(), datetime(2026, 12, 1, 9, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=ZoneInfo("Asia/Tokyo"))):
        run = runs.new_run(job, at, now=at, state=State.SKIPPED, reason="full")
        runs.insert([run])
        execution = execution_of(run)
        written = [_stored(TaskRun, run.pk), _stored(DjangoJobExecution, execution.pk)]
        TaskRun.objects.filter(pk=run.pk).delete()
        DjangoJobExecution.objects.filter(pk=execution.pk).delete()
        execution.save(force_insert=True)
        run.save(force_insert=True)
        assert [_stored(TaskRun, run.pk), _stored(DjangoJobExecution, execution.pk)] == written


def _stored(model: type[Model], key: Any) -> Any:
    """Return each column as a literal of the database."""
    columns = [f'"{field.column}"' for field in model._meta.concrete_fields]
    as_literal = "quote_nullable({})" if connection.vendor == "postgresql" else "quote({})"
    with connection.cursor() as cursor:
        value = key.hex if isinstance(key, uuid.UUID) and connection.vendor == "sqlite" else key
        told = ", ".join(as_literal.format(column) for column in columns)
        cursor.execute(f"SELECT {told} FROM {model._meta.db_table} WHERE id = %s", [value])
        return cursor.fetchall()


def test_the_same_firing_is_inserted_once(job: ScheduledTask) -> None:
    at = clock.now()
    first, again = (runs.new_run(job, at, now=at) for _ in range(2))
    other = runs.new_run(job, at + timedelta(seconds=1), now=at)
    assert runs.insert([first]) == [first]
    assert runs.insert([again, other]) == [other]
    assert TaskRun.objects.count() == 2
    assert DjangoJobExecution.objects.count() == 2


def test_a_skipped_or_missed_firing_is_visible_in_both_tables(job: ScheduledTask) -> None:
    at = clock.now()
    new = [
        runs.new_run(job, at, now=at, state=State.SKIPPED, reason="full"),
        runs.new_run(job, at + timedelta(seconds=1), now=at, state=State.MISSED, reason="late"),
    ]
    runs.insert(new)
    assert [(execution_of(r).status, execution_of(r).exception) for r in new] == [
        ("Max instances!", "full"),
        ("Missed!", "late"),
    ]
    assert all(run.finished_at == at and run.publish_at is None for run in new)


def test_pending_becomes_queued_and_only_in_its_attempt(job: ScheduledTask) -> None:
    run, at = insert(job), clock.now()
    stale = TaskRun.objects.get(id=run.id)
    stale.attempt = 2
    runs.mark_queued([stale], at=at)
    assert state(run) == State.PENDING
    runs.mark_queued([run], at=at)
    assert state(run) == State.QUEUED
    assert (run.queued_at, run.publish_at) == (at, None)


@pytest.mark.parametrize("ended", [*TERMINAL, State.RUNNING])
def test_what_has_started_or_ended_is_never_queued_again(job: ScheduledTask, ended: State) -> None:
    run = insert(job, state=ended)
    runs.mark_queued([run], at=clock.now())
    assert state(run) == ended


@pytest.mark.parametrize("before", [State.PENDING, State.QUEUED, State.RETRYING])
def test_a_run_that_has_not_started_is_claimed_once(job: ScheduledTask, before: State) -> None:
    run = insert(job, state=before)
    found = claim(run)
    assert found == runs.Claim("job", [1], {"b": 2}, {})
    assert state(run) == State.RUNNING
    assert (run.worker, run.process, run.pid) == ("w@host", WORKER["process"], 7)
    assert run.queued_at <= run.started_at
    assert claim(run) is None


@pytest.mark.parametrize("ended", TERMINAL)
def test_a_run_that_has_ended_is_not_claimed(job: ScheduledTask, ended: State) -> None:
    assert claim(insert(job, state=ended)) is None


def test_another_attempt_task_or_run_is_not_claimed(job: ScheduledTask) -> None:
    run = insert(job, state=State.QUEUED)
    assert claim(run, attempt=2) is None
    assert claim(run, task="tests.app.tasks.fail") is None
    assert runs.claim(connection, str(uuid.uuid4()), 1, TASK, now=clock.now(), **WORKER) is None
    assert state(run) == State.QUEUED


def test_a_run_that_waits_in_line_or_has_expired_is_not_claimed(job: ScheduledTask) -> None:
    assert claim(insert(job, waiting=True)) is None
    assert claim(insert(job, expires_at=clock.now() - timedelta(seconds=1))) is None
    assert claim(insert(job, expires_at=clock.now() + timedelta(seconds=60))) is not None


def test_times_move_forward_also_between_two_clocks(job: ScheduledTask) -> None:
    run = insert(job, state=State.QUEUED, queued_at=clock.now() + timedelta(hours=1))
    claim(run)
    run.refresh_from_db()
    assert run.queued_at <= run.started_at


@pytest.mark.parametrize(
    ("ended", "status"),
    [
        (State.SUCCESS, "Executed"),
        (State.FAILURE, "Error!"),
        (State.TIMEOUT, "Error!"),
        (State.LOST, "Error!"),
        (State.CANCELLED, "Error!"),
    ],
)
def test_a_running_attempt_ends_in_both_tables(job: ScheduledTask, ended: State, status: str) -> None:
    run = insert(job)
    claim(run)
    outcome = Outcome(ended, "the reason", result="[1]", exception="E", traceback="T", progress='{"current": 1}')
    assert runs.finish(connection, str(run.id), 1, outcome)
    assert state(run) == ended
    assert (run.reason, run.result, run.exception, run.traceback) == ("the reason", [1], "E", "T")
    assert (run.finished_at, run.progress) == (outcome.ended_at, {"current": 1})
    row = execution_of(run)
    assert (row.status, row.exception, row.traceback) == (status, "the reason", "T")
    if ended == State.LOST:  # it ended some time before that was found out
        assert row.duration is run.duration is None
    else:
        assert float(row.duration) == pytest.approx(run.duration, abs=0.01)
    assert float(row.finished) == pytest.approx(run.finished_at.timestamp(), abs=0.01)


@pytest.mark.parametrize("ended", TERMINAL)
def test_a_terminal_state_is_never_overwritten(job: ScheduledTask, ended: State) -> None:
    run = insert(job, state=ended, reason="the first", finished_at=clock.now())
    before = TaskRun.objects.filter(id=run.id).values().get()
    assert not runs.finish(connection, str(run.id), 1, Outcome(State.FAILURE, "the second"))
    assert not runs.finish(connection, str(run.id), 1, Outcome(State.RETRYING))
    assert not runs.end(connection, str(run.id), Outcome(State.LOST), states=LIVE)
    assert not runs.refuse(run, Outcome(State.FAILURE))
    assert not runs.lose(connection, run, "died")
    assert runs.republish([run.id], queued_before=clock.now()) == 0
    assert not runs.report_progress(connection, str(run.id), 1, '{"current": 9}')
    with pytest.raises(NotAllowed):
        runs.cancel(run.id)
    assert TaskRun.objects.filter(id=run.id).values().get() == before


@pytest.mark.parametrize("before", [State.PENDING, State.QUEUED, State.RETRYING])
def test_an_attempt_that_has_not_started_can_not_finish(job: ScheduledTask, before: State) -> None:
    run = insert(job, state=before)
    assert not runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS))
    assert state(run) == before


def test_an_earlier_attempt_can_not_finish_a_later_one(job: ScheduledTask) -> None:
    run = insert(job, state=State.RUNNING, attempt=2)
    assert not runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS))
    assert not runs.finish(connection, str(run.id), 1, Outcome(State.RETRYING))
    assert not runs.report_progress(connection, str(run.id), 1, '{"current": 9}')
    assert (state(run), run.attempt) == (State.RUNNING, 2)
    assert run.progress is None


def test_another_workers_run_is_not_ended(job: ScheduledTask) -> None:
    run = insert(job, state=State.RUNNING, process=uuid.uuid4())
    outcome = Outcome(State.TIMEOUT, "hard limit")
    assert not runs.end(connection, str(run.id), outcome, states=[State.RUNNING], process=uuid.uuid4())
    assert runs.end(connection, str(run.id), outcome, states=[State.RUNNING], process=run.process)


def test_a_retry_is_planned_with_its_attempt_and_its_arguments(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    due = clock.now() + timedelta(minutes=5)
    outcome = Outcome(State.RETRYING, "again", exception="E", retry_at=due, retry_args=[9], retry_kwargs={"b": 8})
    assert runs.finish(connection, str(run.id), 1, outcome)
    assert state(run) == State.RETRYING
    assert (run.attempt, run.retries, run.publish_at) == (2, 1, due)
    assert (run.args, run.kwargs) == ([9], {"b": 8})
    assert run.finished_at is None
    assert execution_of(run).status == "Started execution"
    assert claim(run, attempt=1) is None
    found = claim(run, attempt=2)
    assert found is not None
    assert (found.args, found.kwargs) == ([9], {"b": 8})


def test_what_is_due_for_the_broker_is_taken_by_one_scheduler(job: ScheduledTask) -> None:
    now = clock.now()
    due = insert(job, publish_at=now - timedelta(seconds=2))
    retry = insert(job, state=State.RETRYING, publish_at=now - timedelta(seconds=1))
    insert(job, publish_at=now + timedelta(seconds=60))
    insert(job, publish_at=None, waiting=True)
    insert(job, state=State.RUNNING, publish_at=now - timedelta(seconds=1))
    assert [run.id for run in runs.take_unpublished(now, 10)] == [due.id, retry.id]
    assert runs.take_unpublished(now, 10) == []
    assert {run.id for run in runs.take_unpublished(now + timedelta(seconds=3), 10)} == {due.id, retry.id}


def test_a_lost_message_is_planned_again_unless_it_is_young(job: ScheduledTask) -> None:
    now = clock.now()
    old = insert(job, state=State.QUEUED, queued_at=now - timedelta(seconds=10), publish_at=None)
    young = insert(job, state=State.QUEUED, queued_at=now, publish_at=None)
    assert runs.republish([old.id, young.id], queued_before=now - timedelta(seconds=3)) == 1
    assert state(old) == State.PENDING
    assert old.publish_at is not None
    assert state(young) == State.QUEUED


@pytest.mark.parametrize("before", [State.PENDING, State.QUEUED, State.RETRYING])
def test_a_run_that_has_not_started_is_cancelled_at_once(job: ScheduledTask, before: State) -> None:
    run = runs.cancel(insert(job, state=before).id, by="ann")
    assert (run.state, run.reason, run.publish_at) == (State.CANCELLED, "Cancelled by ann", None)
    assert (execution_of(run).status, execution_of(run).exception) == ("Error!", "Cancelled by ann")


def test_a_running_run_is_asked_to_stop_and_keeps_the_reason(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    assert not runs.report_progress(connection, str(run.id), 1, '{"current": 1}')
    run = runs.cancel(run.id, by="ann")
    assert run.state == State.RUNNING
    assert run.cancel_requested_at is not None
    assert run.cancel_requested_by == "ann"
    assert runs.report_progress(connection, str(run.id), 1, None)
    assert runs.finish(connection, str(run.id), 1, Outcome(State.CANCELLED, exception="TaskCancelled"))
    assert state(run) == State.CANCELLED
    assert run.reason == "Cancelled by ann"
    assert execution_of(run).exception == "Cancelled by ann"
    assert run.progress == {"current": 1}


def test_a_run_that_succeeds_although_it_was_cancelled_is_a_success(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    runs.cancel(run.id, by="ann")
    runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS))
    assert state(run) == State.SUCCESS
    assert run.reason == ""


def test_a_dead_workers_run_is_lost_or_tried_again_or_cancelled(job: ScheduledTask) -> None:
    lost = insert(job, state=State.RUNNING)
    assert runs.lose(connection, lost, "Its worker w died")
    assert (state(lost), lost.reason) == (State.LOST, "Its worker w died")

    again = insert(job, state=State.RUNNING, options={"on_lost": "retry"})
    assert runs.lose(connection, again, "Its worker w died")
    assert (state(again), again.attempt, again.retries) == (State.RETRYING, 2, 0)

    last = insert(job, state=State.RUNNING, options={"on_lost": "retry"}, attempt=2)
    assert runs.lose(connection, last, "Its worker w died")
    assert (state(last), last.reason) == (State.LOST, "Its worker w died, in the last of 2 attempts")

    asked = insert(job, state=State.RUNNING, cancel_requested_at=clock.now(), cancel_requested_by="ann")
    assert runs.lose(connection, asked, "Its worker w died")
    assert state(asked) == State.CANCELLED


def test_a_run_whose_execution_row_somebody_deleted_ends_all_the_same(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    DjangoJobExecution.objects.all().delete()
    assert runs.finish(connection, str(run.id), 1, Outcome(State.SUCCESS, result="1"))
    assert state(run) == State.SUCCESS


def test_texts_are_cut_and_cleaned_for_every_database(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    nasty = "x\x00\ud800" * 30_000
    assert runs.finish(connection, str(run.id), 1, Outcome(State.FAILURE, exception=nasty, traceback=nasty + "end"))
    run.refresh_from_db()
    assert len(run.exception) <= 10_000
    assert run.traceback.endswith("end")
    assert len(execution_of(run).exception) <= 1_000


@pytest.mark.parametrize("wrong", ["", "no-uuid", "00000000-0000-0000-0000-000000000000", "x" * 300])
def test_an_unknown_run_is_not_found(wrong: str) -> None:
    for ask in (runs.get, runs.cancel):
        with pytest.raises(RunNotFound):
            ask(wrong)


def test_a_run_is_terminated_at_once_and_says_by_whom(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    runs.cancel(run.id, by="ann")
    asked = runs.get(run.id).cancel_requested_at
    run = runs.terminate(run.id, by="bob")
    assert run.terminate_requested_at is not None
    assert (run.cancel_requested_at, run.cancel_requested_by) == (asked, "ann")
    assert run.reason == "Cancelled by ann, terminated by bob"
    first = run.terminate_requested_at
    run = runs.terminate(run.id, by="cid")
    assert (run.terminate_requested_at, run.reason) == (first, "Cancelled by ann, terminated by bob")


def test_terminating_a_run_that_has_not_started_cancels_it(job: ScheduledTask) -> None:
    run = runs.terminate(insert(job, state=State.QUEUED).id, by="ann")
    assert (run.state, run.reason, run.terminate_requested_at) == (State.CANCELLED, "Cancelled by ann", None)
    with pytest.raises(NotAllowed, match="ended already"):
        runs.terminate(run.id, by="ann")


def test_a_run_remembers_its_earlier_attempts(job: ScheduledTask) -> None:
    run = insert(job)
    claim(run)
    ended = clock.now()
    runs.finish(connection, str(run.id), 1, Outcome(State.RETRYING, "E: “1”", ended_at=ended))
    claim(run, attempt=2)
    started = runs.get(run.id).started_at
    runs.lose(connection, runs.get(run.id), "Its worker died")
    assert state(run) == State.LOST
    [first] = run.earlier_attempts
    assert (first["attempt"], first["worker"], first["reason"]) == (1, "w@host", "E: “1”")
    assert aware(first["started_at"]) < aware(first["ended_at"]) == ended <= started


def test_of_an_endless_row_of_attempts_the_last_are_remembered(job: ScheduledTask) -> None:
    run = insert(job)
    for attempt in range(1, ATTEMPTS_KEPT + 3):
        claim(run, attempt=attempt)
        assert runs.finish(connection, str(run.id), attempt, Outcome(State.RETRYING, "x" * 2_000))
    run.refresh_from_db()
    assert [told["attempt"] for told in run.earlier_attempts] == list(range(3, ATTEMPTS_KEPT + 3))
    assert {len(told["reason"]) for told in run.earlier_attempts} == {REASON_KEPT}
