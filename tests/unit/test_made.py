"""Objects made past `Model.__init__` are what Django would have made."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from django.db.models import Model
from django_apscheduler.models import DjangoJob

from scheduler import clock, jobstore, runs
from scheduler.models import ScheduledTask, State, TaskRun
from scheduler.models.made import made
from tests.unit.admin.pages import make_job

pytestmark = pytest.mark.django_db


def held(found: Model) -> dict[str, Any]:
    """Return all that an object holds."""
    state = {name: getattr(found._state, name) for name in ("db", "adding")}
    return {**found.__dict__, "_state": state, "deferred": found.get_deferred_fields()}


def test_what_is_read_is_what_django_reads() -> None:
    make_job("job", tags=["a"], kwargs={"b": [1]}, expires=1.5)
    [(row, job)] = jobstore.claim_due(clock.now().replace(year=2100), 10)
    assert job is not None and job.job is row
    assert held(row) == held(DjangoJob.objects.get())
    assert held(job) == held(ScheduledTask.objects.defer(*jobstore.NOT_PLANNED_BY).get())
    assert job.tags == ["a"], "what was left out is fetched when it is asked for"


def test_what_is_read_can_be_changed_copied_and_pickled() -> None:
    make_job("job")
    [(_row, job)] = jobstore.claim_due(clock.now().replace(year=2100), 10)
    assert job is not None
    job.broken_reason = "changed"
    job.save(update_fields=["broken_reason"])
    assert ScheduledTask.objects.get().broken_reason == "changed"
    assert copy.copy(job) == pickle.loads(pickle.dumps(job)) == job
    job.broken_reason = ""
    job.refresh_from_db()
    assert job.broken_reason == "changed"


def test_a_new_run_is_what_the_models_own_init_makes() -> None:
    job = make_job("job", queue="mail", args=[1], kwargs={"b": 2}, expires=9, priority=3)
    run = runs.new_run(job, clock.now(), now=clock.now(), state=State.SKIPPED, reason="full")
    told = {field.attname: getattr(run, field.attname) for field in TaskRun._meta.concrete_fields}
    assert held(run) == held(TaskRun(**told))
    run.save()
    assert TaskRun.objects.get() == run and not run._state.adding


def test_two_new_runs_share_nothing() -> None:
    job = make_job("job")
    one, two = (runs.new_run(job, clock.now(), now=clock.now()) for _ in range(2))
    one.attempt, one.worker, one.execution_id = 2, "w", 7
    assert (two.attempt, two.worker, two.execution_id) == (1, "", None)
    assert one._state is not two._state


def test_a_stored_object_is_known_to_be_stored_and_a_new_one_to_be_new() -> None:
    assert made(DjangoJob, {"id": "x"}, stored_in="default")._state.adding is False
    new = made(DjangoJob, {"id": "x", "next_run_time": None, "job_state": b""})
    assert new._state.adding is True and new._state.db is None
