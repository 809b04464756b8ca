"""Adding and changing jobs: what is refused, and that nothing is changed then."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.triggers.interval import IntervalTrigger
from django.db import transaction
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock, modify_job, pause_job, remove_job, resume_job, run_job
from scheduler.exceptions import DuplicateJob, InvalidInput, InvalidTrigger, JobNotFound, StaleJob
from scheduler.lookup import get_job, state_of
from scheduler.models import ScheduledTask, State, TaskRun
from scheduler.runs import firing_id
from scheduler.schedules import restore_trigger
from scheduler.triggers import trigger_to_data

ADD = "tests.app.tasks.add"
pytestmark = pytest.mark.django_db


def everything() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in (DjangoJob, ScheduledTask, TaskRun)]


GOOD: dict[str, Any] = {"task": ADD, "trigger": "interval", "seconds": 30, "args": [1], "id": "new"}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"task": "tests.app.tasks.nothing"}, "task"),
        ({"task": None}, "task"),
        ({"args": [1, 2, 3]}, "args"),
        ({"args": "1"}, "args"),
        ({"kwargs": {"c": 3}}, "kwargs"),
        ({"kwargs": [3]}, "kwargs"),
        ({"args": ["x" * 70_000]}, "args"),
        ({"seconds": 0}, "seconds"),
        ({"seconds": -1}, "seconds"),
        ({"seconds": 0.5}, "seconds"),
        ({"seconds": "ten"}, "seconds"),
        ({"seconds": 10**15}, "seconds"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"start_date": "2030-01-02", "end_date": "2030-01-01"}, "end_date"),
        ({"end_date": "2001-01-01"}, "end_date"),
        ({"trigger": "every"}, "trigger"),
        ({"trigger": None, "seconds": 3}, ""),
        ({"trigger": 7}, "trigger"),
        ({"trigger": "cron", "hour": 25, "seconds": ...}, "hour"),
        ({"trigger": "cron", "hour": 5}, "seconds"),
        ({"trigger": {"type": "cron", "month": 2, "day": 30}, "seconds": ...}, "trigger"),
        ({"trigger": {"type": "and", "triggers": []}, "seconds": ...}, "triggers"),
        ({"trigger": {"type": "interval", "seconds": 0}, "seconds": ...}, "seconds"),
        ({"trigger": {}, "seconds": ...}, "type"),
        ({"trigger": None, "crontab": "61 * * * *", "seconds": ...}, "crontab"),
        ({"trigger": None, "crontab": "* * * *", "seconds": ...}, "crontab"),
        ({"trigger": None, "crontab": 5, "seconds": ...}, "crontab"),
        ({"trigger": None, "seconds": ...}, "trigger"),
        ({"trigger": "date", "run_date": "yesterday", "seconds": ...}, "run_date"),
        ({"id": ""}, "id"),
        ({"id": " padded "}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"id": "a\x00b"}, "id"),
        ({"id": "<script>"}, "id"),
        ({"id": "x" * 256}, "id"),
        ({"id": 5}, "id"),
        ({"max_instances": 0}, "max_instances"),
        ({"overlap": "both"}, "overlap"),
        ({"catch_up": "two"}, "catch_up"),
        ({"misfire_grace_time": -1}, "misfire_grace_time"),
        ({"queu": "long"}, "queu"),
        ({"next_run_time": "soon"}, "next_run_time"),
        ({"soft_time_limit": 9, "time_limit": 5}, "soft_time_limit"),
    ],
)  # fmt: skip
def test_bad_input_is_one_error_that_names_the_field_and_changes_nothing(wrong: dict[str, Any], field: str) -> None:
    given = {key: value for key, value in {**GOOD, **wrong}.items() if value is not ...}
    before = everything()
    with pytest.raises(InvalidInput) as caught:
        add_job(**given)
    assert field in caught.value.field
    assert len(str(caught.value)) < 600
    assert "\n" not in str(caught.value)
    assert everything() == before


@pytest.mark.parametrize("job_id", ["a", "task_time", "reports/daily@9:30", "a b", "ünï-ço.dé+1", "名前", "x" * 255])
def test_an_id_may_hold_what_people_write(job_id: str) -> None:
    add_job(**{**GOOD, "id": job_id})
    assert get_job(job_id).id == job_id
    assert state_of(pause_job(job_id)) == "paused"


def test_a_job_without_an_id_gets_one() -> None:
    job = add_job(ADD, "interval", seconds=30, args=[1])
    assert len(job.id) == 32


def test_a_duplicate_id_is_refused_and_may_be_replaced() -> None:
    add_job(**GOOD)
    before = everything()
    with pytest.raises(DuplicateJob) as caught:
        add_job(**{**GOOD, "args": [2]})
    assert isinstance(caught.value, ConflictingIdError)
    assert everything() == before
    add_job(**{**GOOD, "args": [2], "queue": "long"}, replace_existing=True)
    assert (get_job("new").args, get_job("new").queue) == ([2], "long")
    assert ScheduledTask.objects.count() == 1


def test_the_id_of_a_removed_job_is_free() -> None:
    add_job(**GOOD)
    remove_job("new")
    add_job(**{**GOOD, "args": [2]})
    assert state_of(get_job("new")) == "scheduled"


@pytest.mark.parametrize("change", [modify_job, pause_job, resume_job, remove_job, run_job, get_job])
def test_a_job_that_is_not_there_is_not_found(change: Any) -> None:
    with pytest.raises(JobNotFound) as caught:
        change("nothing")
    assert isinstance(caught.value, JobLookupError)
    assert "names no job" in str(caught.value)


@pytest.mark.parametrize("change", [modify_job, pause_job, resume_job, remove_job, run_job])
def test_a_removed_job_is_not_found_either(change: Any) -> None:
    add_job(**GOOD)
    remove_job("new")
    with pytest.raises(JobNotFound):
        change("new")


def test_trigger_objects_aliases_data_and_crontabs_mean_the_same() -> None:
    add_job(ADD, IntervalTrigger(minutes=5), id="object", args=[1])
    add_job(ADD, "interval", minutes=5, id="alias", args=[1])
    add_job(ADD, {"type": "interval", "minutes": 5}, id="data", args=[1])
    for job_id in ("object", "alias", "data"):
        data = trigger_to_data(restore_trigger(get_job(job_id)))
        assert data["type"] == "interval"
    add_job(ADD, crontab="30 6 * * 1-5", id="crontab", args=[1])
    assert get_job("crontab").job.next_run_time.weekday() < 5


def test_a_naive_time_is_of_the_projects_zone() -> None:
    job = add_job(ADD, "date", run_date=datetime(2040, 1, 1, 9), id="naive", args=[1])
    assert job.job.next_run_time == datetime(2040, 1, 1, 9, tzinfo=UTC)


def test_next_run_time_moves_the_first_firing_or_pauses() -> None:
    at = clock.now() + timedelta(minutes=9)
    assert add_job(**GOOD, next_run_time=at).job.next_run_time == at
    assert state_of(add_job(**{**GOOD, "id": "paused"}, next_run_time=None)) == "paused"


def test_a_change_touches_only_what_it_names() -> None:
    add_job(**GOOD, queue="long", description="words")
    due = get_job("new").job.next_run_time
    modify_job("new", kwargs={"b": 3})
    job = get_job("new")
    assert (job.args, job.kwargs, job.queue, job.description) == ([1], {"b": 3}, "long", "words")
    assert job.job.next_run_time == due
    modify_job("new", timezone="Asia/Tokyo")
    assert trigger_to_data(restore_trigger(get_job("new")))["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    "wrong",
    [
        {"task": "nothing"},
        {"args": []},
        {"kwargs": {"c": 1}},
        {"seconds": 3},
        {"trigger": "interval", "seconds": 0},
        {"crontab": "x"},
        {"timezone": "Mars"},
        {"queue": "a b"},
        {"id": "other"},
        {"next_run_time": "soon"},
        {"time_limit": 1, "soft_time_limit": 2},
    ],
)
def test_a_bad_change_is_refused_and_changes_nothing(wrong: dict[str, Any]) -> None:
    add_job(**GOOD)
    before = everything()
    with pytest.raises(InvalidInput):
        modify_job("new", **wrong)
    assert everything() == before


def test_pausing_and_resuming_twice_is_harmless() -> None:
    add_job(**GOOD)
    first = pause_job("new").paused_at
    assert pause_job("new").paused_at == first
    assert state_of(resume_job("new")) == "scheduled"
    due = get_job("new").job.next_run_time
    assert resume_job("new").job.next_run_time == due


def test_a_finished_job_fires_again_when_it_is_given_a_new_schedule() -> None:
    add_job(ADD, "date", run_date=clock.now(), id="once", args=[1])
    DjangoJob.objects.update(next_run_time=None)
    assert state_of(get_job("once")) == "finished"
    modify_job("once", trigger="interval", hours=1)
    assert state_of(get_job("once")) == "scheduled"


def test_run_now_checks_the_arguments_and_writes_a_run() -> None:
    add_job(**GOOD)
    with pytest.raises(InvalidInput):
        run_job("new", args=[1, 2, 3])
    with pytest.raises(InvalidInput):
        run_job("new", overlap="both")
    assert not TaskRun.objects.exists()
    run = run_job("new", kwargs={"a": 1, "b": 2}, args=[], by="ann")
    assert (run.state, run.kwargs, run.requested_by) == (State.PENDING, {"a": 1, "b": 2}, "ann")
    assert run_job("new").waiting


def test_run_now_follows_overlap_replace_and_allow() -> None:
    add_job(**GOOD, overlap="replace")
    first, second = run_job("new"), run_job("new")
    first.refresh_from_db()
    assert first.state == State.CANCELLED
    assert second.state == State.PENDING
    assert not run_job("new", overlap="allow").waiting


def test_run_now_takes_another_queue_and_refuses_one_that_can_not_be() -> None:
    add_job(**GOOD, queue="short")
    assert run_job("new", queue="long").queue == "long"
    assert (run_job("new").queue, run_job("new", queue="").queue) == ("short", "")
    with pytest.raises(InvalidInput, match="queue: 'a b'"):
        run_job("new", queue="a b")
    with pytest.raises(InvalidInput, match="note: "):
        run_job("new", note="\x00")
    assert TaskRun.objects.count() == 3


def test_asking_twice_under_the_same_id_gives_the_same_run() -> None:
    add_job(**GOOD)
    add_job(**{**GOOD, "id": "other"})
    chosen = uuid.uuid4()
    run = run_job("new", run_id=chosen, note="first")
    assert run.id == chosen
    before = everything()
    assert run_job("new", run_id=str(chosen), note="second", args=[7]).note == "first"
    with pytest.raises(InvalidInput, match="is the id of a run of job new"):
        run_job("other", run_id=chosen)
    assert everything() == before


def test_no_run_that_somebody_asks_for_can_take_the_place_of_a_firing() -> None:
    job = add_job(**GOOD)
    before = everything()
    for wrong in (firing_id("new", job.job.next_run_time), "new", "", uuid.uuid1()):
        with pytest.raises(InvalidInput, match="is not a random UUID"):
            run_job("new", run_id=wrong)
    assert everything() == before


def test_all_of_it_works_inside_a_surrounding_transaction() -> None:
    before = everything()
    with pytest.raises(RuntimeError), transaction.atomic():
        add_job(**GOOD)
        pause_job("new")
        resume_job("new")
        run_job("new")
        modify_job("new", queue="long")
        remove_job("new")
        raise RuntimeError
    assert everything() == before


def test_adding_many_jobs_in_one_transaction_costs_a_few_queries_each(django_assert_max_num_queries: Any) -> None:
    with transaction.atomic(), django_assert_max_num_queries(7 * 20):
        for number in range(20):
            add_job(ADD, "interval", seconds=30, id=f"job-{number}", args=[number])


@pytest.mark.parametrize(("arguments", "kind"), [({"seconds": 3}, "interval"), ({"hour": 6}, "cron")])
def test_arguments_of_a_trigger_that_is_not_named_name_it(arguments: dict[str, Any], kind: str) -> None:
    with pytest.raises(InvalidTrigger, match=f"is an argument of the trigger '{kind}'"):
        add_job("tests.app.tasks.do_nothing", **arguments)


def test_an_add_and_a_change_of_the_schedule_log_warnings_once(caplog: pytest.LogCaptureFixture) -> None:
    add_job("tests.app.tasks.do_nothing", crontab="30 2 * * *", timezone="Europe/Berlin", id="night")
    assert any("Job night: " in record.message for record in caplog.records if record.name == "scheduler.schedules")
    caplog.clear()
    modify_job("night", queue="long")
    assert not caplog.records
    modify_job("night", crontab="40 2 * * *")
    assert any("Job night: " in record.message for record in caplog.records if record.name == "scheduler.schedules")


def test_a_change_by_somebody_who_read_an_older_job_is_refused() -> None:
    read = add_job(ADD, "interval", minutes=5, id="a", args=[1])
    modify_job("a", queue="long")
    with pytest.raises(StaleJob, match="changed meanwhile"):
        modify_job("a", queue="short", unchanged_since=read.updated_at)
    assert get_job("a").queue == "long"
    assert modify_job("a", queue="short", unchanged_since=get_job("a").updated_at).queue == "short"
