"""APScheduler's own calls on a scheduler object, as its documentation has them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from apscheduler.events import (
    EVENT_JOB_ADDED,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    EVENT_JOB_SUBMITTED,
    EVENT_SCHEDULER_STARTED,
)
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.triggers.cron import CronTrigger
from django.core.exceptions import AppRegistryNotReady
from django_apscheduler.jobstores import DjangoJobStore

from scheduler import clock
from scheduler.engine import schedulers
from scheduler.engine.schedulers import BackgroundScheduler
from scheduler.exceptions import InvalidInput
from scheduler.lookup import get_job, state_of
from scheduler.models import ServiceProcess, TaskRun
from scheduler.schedules import restore_trigger
from scheduler.triggers import trigger_to_data
from tests.app.tasks import add, say_time
from tests.runs import wait_for_runs
from tests.waiting import wait_for


@pytest.fixture
def scheduler(alone: None, database: None, broker: Any) -> Iterator[BackgroundScheduler]:
    scheduler = BackgroundScheduler()
    yield scheduler
    if scheduler.running:
        scheduler.shutdown()


def test_jobs_added_before_the_start_are_stored_at_the_start(scheduler: BackgroundScheduler) -> None:
    job = scheduler.add_job(say_time, "interval", seconds=3, id="early")
    assert job.pending
    assert [j.id for j in scheduler.get_jobs()] == ["early"]
    scheduler.start()
    wait_for(lambda: not job.pending, what="the job to be stored")
    assert trigger_to_data(restore_trigger(get_job("early")))["seconds"] == 3
    assert job.next_run_time is not None


def test_tasks_that_cannot_be_loaded_at_the_start_end_no_scheduler(
    scheduler: BackgroundScheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_early() -> None:
        raise AppRegistryNotReady("Apps aren't loaded yet.")

    monkeypatch.setattr(schedulers, "registered_tasks", too_early)
    scheduler.start()
    wait_for(lambda: ServiceProcess.objects.exclude(last_pass_at=None).exists(), what="a pass")


def test_add_get_modify_reschedule_pause_resume_remove(scheduler: BackgroundScheduler) -> None:
    scheduler.start()
    job = scheduler.add_job(add, "interval", args=[1, 2], hours=1, id="job", name="A job", max_instances=3)
    assert (job.id, job.name, job.max_instances) == ("job", "A job", 3)
    stored = get_job("job")
    assert (stored.task, stored.args, stored.max_instances) == ("tests.app.tasks.add", [1, 2], 3)
    assert scheduler.get_job("job").name == "A job"
    assert scheduler.get_job("nothing") is None

    job.modify(name="Another name", args=[3, 4])
    assert (get_job("job").name, get_job("job").args) == ("Another name", [3, 4])
    job.reschedule("cron", hour=5)
    assert restore_trigger(get_job("job")).__class__.__name__ == "CronTrigger"
    scheduler.modify_job("job", max_instances=1)
    assert get_job("job").max_instances == 1

    scheduler.pause_job("job")
    assert state_of(get_job("job")) == "paused"
    assert scheduler.get_job("job").next_run_time is None
    resumed = scheduler.resume_job("job")
    assert resumed is not None
    assert resumed.next_run_time > clock.now()
    scheduler.remove_job("job")
    assert scheduler.get_jobs() == []
    assert state_of(get_job("job")) == "removed"
    with pytest.raises(JobLookupError):
        scheduler.remove_job("job")
    with pytest.raises(JobLookupError):
        scheduler.pause_job("nothing")


def test_the_decorator_and_a_trigger_object_work(scheduler: BackgroundScheduler) -> None:
    scheduler.start()
    scheduler.scheduled_job(CronTrigger(day_of_week="mon-fri", hour=9, minute=30, second=10), id="task_time")(say_time)
    data = trigger_to_data(restore_trigger(get_job("task_time")))
    assert data["type"] == "cron"
    assert (data["day_of_week"], data["hour"], data["minute"], data["second"]) == ("mon-fri", "9", "30", "10")


def test_a_duplicate_id_is_refused_and_may_be_replaced(scheduler: BackgroundScheduler) -> None:
    scheduler.start()
    scheduler.add_job(add, "interval", args=[1], hours=1, id="twice")
    with pytest.raises(ConflictingIdError):
        scheduler.add_job(add, "interval", args=[2], hours=1, id="twice")
    scheduler.add_job(add, "interval", args=[2], hours=1, id="twice", replace_existing=True)
    assert get_job("twice").args == [2]


def test_a_plain_function_is_refused_with_what_to_do(scheduler: BackgroundScheduler) -> None:
    def job() -> None:
        pass

    with pytest.raises(InvalidInput, match="shared_task"):
        scheduler.add_job(job, "interval", seconds=3)
    assert scheduler.get_jobs() == []


def test_print_jobs_prints_them(scheduler: BackgroundScheduler, capsys: Any) -> None:
    scheduler.start()
    scheduler.add_job(add, "interval", args=[1], hours=1, id="printed", name="Printed job")
    scheduler.print_jobs()
    assert "Printed job" in capsys.readouterr().out


def test_the_librarys_job_store_may_be_added(scheduler: BackgroundScheduler) -> None:
    scheduler.add_jobstore(DjangoJobStore(), "default")
    scheduler.start()
    scheduler.add_job(add, "interval", args=[1], hours=1, id="stored", jobstore="default")
    assert get_job("stored").task == "tests.app.tasks.add"
    with pytest.raises(InvalidInput):
        scheduler.add_jobstore("memory", "other")


def test_listeners_are_told(scheduler: BackgroundScheduler) -> None:
    events: list[Any] = []
    scheduler.add_listener(events.append)
    scheduler.start()
    scheduler.add_job(add, "interval", args=[1], hours=1, id="heard")
    scheduler.modify_job("heard", name="changed")
    scheduler.modify_job("heard", next_run_time=clock.now() - timedelta(seconds=1))
    wait_for(lambda: any(e.code == EVENT_JOB_SUBMITTED for e in events), what="the firing's event")
    submitted = next(e for e in events if e.code == EVENT_JOB_SUBMITTED)
    assert submitted.job_id == "heard"
    assert len(submitted.scheduled_run_times) == 1
    scheduler.remove_job("heard")
    codes = [e.code for e in events]
    for code in (EVENT_SCHEDULER_STARTED, EVENT_JOB_ADDED, EVENT_JOB_MODIFIED, EVENT_JOB_REMOVED):
        assert code in codes


def test_a_paused_scheduler_fires_nothing_until_it_is_resumed(scheduler: BackgroundScheduler) -> None:
    scheduler.start(paused=True)
    scheduler.add_job(add, "date", args=[1], run_date=clock.now(), id="later", queue="nobody")
    assert TaskRun.objects.count() == 0
    scheduler.resume()
    wait_for_runs("later")


def test_it_can_be_started_again_after_a_shutdown(scheduler: BackgroundScheduler) -> None:
    scheduler.start()
    scheduler.shutdown()
    scheduler.start()
    scheduler.add_job(add, "date", args=[1], run_date=clock.now(), id="again", queue="nobody")
    wait_for_runs("again")
