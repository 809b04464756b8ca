"""The seed writes what real use would leave: every kind of job and run, both tables in step, and all indexes."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Count, F
from django_apscheduler.models import DjangoJobExecution

from benchmarks import loading, seed
from scheduler import clock
from scheduler.executions import STATUS
from scheduler.lookup import state_of
from scheduler.models import LIVE, HourTally, RunLog, ScheduledTask, ServiceProcess, State, TaskRun
from scheduler.schedules import restore_trigger
from scheduler.triggers import first_fire_time

pytestmark = pytest.mark.django_db


def indexes() -> dict[str, object]:
    with connection.cursor() as cursor:
        tables = (TaskRun._meta.db_table, DjangoJobExecution._meta.db_table, RunLog._meta.db_table)
        return {table: connection.introspection.get_constraints(cursor, table) for table in tables}


def test_there_are_as_many_as_asked_for_of_every_state() -> None:
    seed.fill(200, 6_000)
    assert (ScheduledTask.objects.count(), TaskRun.objects.count()) == (200, 6_000)
    jobs = list(ScheduledTask.objects.select_related("job"))
    assert {state_of(job) for job in jobs} == {"scheduled", "paused", "finished", "broken", "removed"}
    assert set(TaskRun.objects.values_list("state", flat=True)) == set(State.values)
    assert {tag for job in jobs for tag in job.tags} >= {"billing", "nightly", "critical"}
    assert 0 < TaskRun.objects.filter(state__in=LIVE).count() < 60
    ran = TaskRun.objects.values("job_id").distinct().count()
    assert 150 < ran < 200  # some have never run
    assert set(ServiceProcess.objects.values_list("kind", flat=True)) == {"scheduler", "worker"}
    alive = ServiceProcess.objects.filter(kind="worker", stopped_at=None)
    assert not TaskRun.objects.filter(state=State.RUNNING).exclude(process__in=alive.values("id")).exists()


def test_the_same_numbers_give_the_same_ends() -> None:
    ends = []
    for _ in range(2):
        seed.fill(200, 6_000)
        ends.append(list(TaskRun.objects.values_list("state").annotate(runs=Count("pk")).order_by("state")))
        for model in loading.FILLED:
            model._default_manager.all().delete()
    assert ends[0] == ends[1]


def test_both_tables_and_the_tallies_say_the_same() -> None:
    seed.fill(60, 3_000)
    for run in TaskRun.objects.select_related("execution"):
        row = run.execution
        assert row is not None
        assert (row.job_id, row.run_time, row.status) == (run.job_id, run.scheduled_at, STATUS[State(run.state)])
        assert (run.finished_at is None) == run.is_live
        assert bool(run.traceback) == (run.state == State.FAILURE)
    assert not TaskRun.objects.filter(started_at__lt=F("queued_at")).exists()
    assert not TaskRun.objects.filter(finished_at__lt=F("started_at")).exists()
    assert not TaskRun.objects.filter(scheduled_at__gt=clock.now()).exists()
    assert not TaskRun.objects.filter(scheduled_at__lt=clock.now() - timedelta(days=31)).exists()
    assert sum(HourTally.objects.values_list("count", flat=True)) == 3_000
    assert RunLog.objects.count() == 500


def test_a_job_is_due_when_its_schedule_says() -> None:
    seed.fill(100, 100)
    now = clock.now()
    for job in ScheduledTask.objects.select_related("job"):
        if state_of(job) == "scheduled" and job.job.next_run_time > now + timedelta(minutes=1):
            assert job.job.next_run_time == first_fire_time(restore_trigger(job), job.job.next_run_time)
            assert job.job.next_run_time <= first_fire_time(restore_trigger(job), now)
    assert ScheduledTask.objects.filter(job__next_run_time__lt=now - timedelta(seconds=30)).exists()  # late


def test_indexes_and_keys_are_there_as_before() -> None:
    before = indexes()
    seed.fill(20, 200)
    assert indexes() == before
    run = TaskRun.objects.first()
    assert run is not None and run.execution is not None
    latest = DjangoJobExecution.objects.create(job_id=run.job_id, run_time=clock.now(), status="Executed")
    assert latest.id > 200
