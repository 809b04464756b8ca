"""What we replace or lean on in libraries without their promise: a new version that changes it must fail here."""

from __future__ import annotations

import inspect

import pytest
from apscheduler.job import Job
from apscheduler.schedulers import background, base, blocking
from apscheduler.schedulers.base import BaseScheduler
from celery import Celery, Task, current_app
from celery.app import trace
from django_apscheduler.jobstores import DjangoJobStore, DjangoResultStoreMixin
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler.engine.schedulers import BackgroundScheduler, BlockingScheduler
from scheduler.known_tasks import registered_tasks
from scheduler.worker import TrackedTask


def parameters(function: object) -> list[str]:
    return list(inspect.signature(function).parameters)


@pytest.mark.parametrize("kind", [blocking.BlockingScheduler, background.BackgroundScheduler])
def test_apschedulers_loop_calls_process_jobs_and_waits_as_long_as_it_says(kind: type[BaseScheduler]) -> None:
    loop = inspect.getsource(blocking.BlockingScheduler._main_loop)
    assert "while self.state != STATE_STOPPED" in loop
    assert "wait_seconds = self._process_jobs()" in loop
    assert "self._event.wait(wait_seconds)" in loop
    assert parameters(kind._process_jobs) == ["self"]
    assert kind._process_jobs is BaseScheduler._process_jobs


def test_apscheduler_calls_process_jobs_from_nowhere_else() -> None:
    assert "_process_jobs(" not in inspect.getsource(base).replace("def _process_jobs(self)", "")


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("_real_add_job", ["self", "job", "jobstore_alias", "replace_existing"]),
        ("_dispatch_event", ["self", "event"]),
        ("_configure", ["self", "config"]),
        ("_create_default_jobstore", ["self"]),
        ("_create_default_executor", ["self"]),
        ("modify_job", ["self", "job_id", "jobstore", "changes"]),
        ("reschedule_job", ["self", "job_id", "jobstore", "trigger", "trigger_args"]),
        ("pause_job", ["self", "job_id", "jobstore"]),
        ("resume_job", ["self", "job_id", "jobstore"]),
        ("remove_job", ["self", "job_id", "jobstore"]),
        ("remove_all_jobs", ["self", "jobstore"]),
    ],
)
def test_apschedulers_methods_that_we_replace_have_their_shape(name: str, wanted: list[str]) -> None:
    assert parameters(getattr(BaseScheduler, name)) == wanted
    for kind in (BlockingScheduler, BackgroundScheduler):
        assert parameters(getattr(kind, name)) == wanted


def test_apschedulers_add_job_has_the_arguments_that_ours_takes() -> None:
    theirs, ours = parameters(BaseScheduler.add_job), parameters(BackgroundScheduler.add_job)
    assert ours[:-1] == theirs[:-1]


def test_a_stored_job_has_apschedulers_keys() -> None:
    keys = {"version", "id", "func", "trigger", "executor", "args", "kwargs", "name", "misfire_grace_time", "coalesce",
            "max_instances", "next_run_time"}  # fmt: skip
    source = inspect.getsource(Job.__getstate__)
    assert {key for key in keys if f"'{key}'" in source or f'"{key}"' in source} == keys


def test_django_apschedulers_store_has_the_methods_that_ours_replaces() -> None:
    assert issubclass(DjangoJobStore, DjangoResultStoreMixin)
    assert parameters(DjangoJobStore._reconstitute_job) == ["self", "job_state"]
    assert "job_state" in inspect.getsource(DjangoJobStore._get_jobs)


def test_django_apschedulers_tables_have_their_columns() -> None:
    assert [f.name for f in DjangoJob._meta.fields] == ["id", "next_run_time", "job_state"]
    names = {f.name: f for f in DjangoJobExecution._meta.fields}
    assert set(names) == {"id", "job", "status", "run_time", "duration", "finished", "exception", "traceback"}
    assert names["exception"].max_length == 1000
    words = [getattr(DjangoJobExecution, name) for name in ("SENT", "SUCCESS", "MISSED", "MAX_INSTANCES", "ERROR")]
    assert words == ["Started execution", "Executed", "Missed!", "Max instances!", "Error!"]


def test_celery_builds_a_tracer_and_keeps_it_on_the_task() -> None:
    """Tracking wraps what Celery assigns to `task.__trace__`, and reads what it returns."""
    assert trace.trace_ok_t._fields == ("retval", "info", "runtime", "retstr")
    assert parameters(trace.build_tracer)[:2] == ["name", "task"]
    assert "task.__trace__ = build_tracer(" in inspect.getsource(trace)
    assert "__trace__" in inspect.getsource(trace.trace_task)
    tracer = trace.build_tracer("x", registered_tasks()["tests.app.tasks.add"], app=current_app)
    assert parameters(tracer)[:4] == ["uuid", "args", "kwargs", "request"]


def test_celery_asks_a_task_for_the_signature_of_its_retry() -> None:
    assert "self.signature_from_request(" in inspect.getsource(Task.retry)
    assert ".apply_async()" in inspect.getsource(Task.retry)


def test_every_task_of_the_project_is_tracked() -> None:
    app: Celery = current_app._get_current_object()
    assert issubclass(app.Task, TrackedTask)
    untracked = [n for n, task in registered_tasks().items() if not isinstance(task, TrackedTask)]
    assert untracked == ["tests.app.tasks.with_base_class"]  # the worker adopts it when it starts
