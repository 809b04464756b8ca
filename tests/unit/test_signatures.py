"""How positional parameters are called: by the code, by what workers announce, or not at all."""

from __future__ import annotations

import threading
from typing import Any

import psycopg
import pytest
from celery import current_app
from django.db import OperationalError, connections

from scheduler import conf, signatures
from scheduler.models import ServiceProcess
from scheduler.signatures import Announced, announcement, parameter_names
from tests.servers import Postgres
from tests.unit.admin.pages import make_process


def test_the_first_parameter_of_a_bound_task_is_not_an_argument() -> None:
    assert parameter_names("tests.app.tasks.retry_with_other_arguments", 2) == ["number", ""]


def test_the_parameter_for_the_rest_names_all_of_the_rest() -> None:
    assert parameter_names("tests.app.tasks.log_in", 4) == ["user", "password", "tokens", "tokens"]


def test_a_worker_announces_its_tasks_but_not_celerys() -> None:
    told = announcement(current_app.tasks)
    assert told["tests.app.tasks.log_in"] == ["user", "password", "*tokens"]
    assert told["tests.app.tasks.do_nothing"] == []
    assert not [name for name in told if name.startswith("celery.")]


@pytest.mark.django_db
def test_the_newest_announcement_of_a_task_counts() -> None:
    make_process("old", silent=60, tasks={"far.task": ["name"], "far.gone": ["token"]}, stopped=True)
    make_process("new", tasks={"far.task": ["secret"]})
    announced = Announced()
    assert (announced.get("far.task"), announced.get("far.gone"), announced.get("other")) == (["secret"], ["token"], [])


@pytest.mark.django_db
def test_announcements_are_read_at_times_and_not_for_each_run(
    monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    make_process("w", tasks={"far.task": ["secret"]})
    announced = Announced()
    with django_assert_num_queries(1):
        for _ in range(50):
            assert announced.get("far.task") == ["secret"] and announced.get("unknown") == []
    ServiceProcess.objects.update(tasks={})
    monkeypatch.setattr(signatures, "SECONDS", -1.0)
    assert announced.get("far.task") == []


@pytest.mark.django_db
def test_in_an_outage_it_knows_what_it_knew(monkeypatch: pytest.MonkeyPatch) -> None:
    make_process("w", tasks={"far.task": ["secret"]})
    announced = Announced()
    assert announced.get("far.task") == ["secret"]
    monkeypatch.setattr(signatures, "SECONDS", -1.0)

    def away(*_: Any, **__: Any) -> Any:
        raise OperationalError("the server is away")

    monkeypatch.setattr(ServiceProcess.objects, "filter", away)
    assert announced.get("far.task") == ["secret"]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_does_not_answer_is_given_up(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"DATABASE_TIMEOUT": 1.0}
    monkeypatch.setattr(conf, "get", lambda name, get=conf.get: limits[name] if name in limits else get(name))
    answers: list[list[str]] = []

    def ask() -> None:
        answers.append(Announced().get("far.task"))
        connections.close_all()

    thread = threading.Thread(target=ask, daemon=True)
    with psycopg.connect(postgres.url) as theirs:
        theirs.execute("LOCK TABLE scheduler_serviceprocess IN ACCESS EXCLUSIVE MODE")
        thread.start()
        thread.join(timeout=15)
        told = list(answers)
        theirs.rollback()
    thread.join(timeout=15)
    assert told == [[]]
