"""Statements that are prepared: what goes in and comes out, what a pooler may do to them, and what errors become."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import DataError, IntegrityError, OperationalError, transaction
from django.db import connection as djangos
from django.db.backends.base.base import BaseDatabaseWrapper

from scheduler import clock, db, reach, runs
from scheduler.models import State, TaskRun
from scheduler.prepared import execute_prepared
from tests.unit.admin.pages import make_run

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(djangos.vendor != "postgresql", reason="PostgreSQL's statements"),
]
ADD = "SELECT %s::int + %s::int"


@pytest.fixture
def connection() -> Iterator[BaseDatabaseWrapper]:
    yield db.own_connection()
    db.close_own_connection()


def prepared(connection: BaseDatabaseWrapper) -> list[str]:
    return [name for (name,) in db.execute(connection, "SELECT name FROM pg_prepared_statements")]


def test_a_statement_is_prepared_once_and_answers_each_time(connection: BaseDatabaseWrapper) -> None:
    assert [execute_prepared(connection, ADD, [1, number]) for number in (1, 2)] == [[["2"]], [["3"]]]
    [name] = prepared(connection)
    assert name.startswith("tickwork_")
    assert execute_prepared(connection, "SELECT 1", []) == [["1"]] and len(prepared(connection)) == 2


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("text", None),
        ("text", ""),
        ("text", """it's "quoted" \\ and 漢字 100%"""),
        ("bool", True),
        ("int", -7),
        ("numeric", 1732500000.25),
        ("uuid", uuid.uuid4()),
        ("jsonb", '{"a": [1, null]}'),
        ("timestamptz", datetime(2026, 12, 1, 9, 0, 0, 123456, UTC)),
        ("varchar", State.RUNNING),
    ],
)
def test_values_arrive_as_they_would_otherwise(connection: BaseDatabaseWrapper, kind: str, value: Any) -> None:
    plain = db.execute(connection, f"SELECT (%s::{kind})::text", [value])
    assert execute_prepared(connection, f"SELECT (%s::{kind})::text", [value]) == [list(plain[0])]


def test_a_pooler_may_hand_out_a_connection_that_lacks_the_statement(connection: BaseDatabaseWrapper) -> None:
    for _ in range(2):
        assert execute_prepared(connection, ADD, [1, 2]) == [["3"]]
        db.execute(connection, "DEALLOCATE ALL")
        assert execute_prepared(connection, ADD, [2, 3]) == [(5,)]  # as the driver reads it
        assert execute_prepared(connection, ADD, [3, 4]) == [["7"]]


def test_a_pooler_may_hand_out_a_connection_that_has_the_statement(connection: BaseDatabaseWrapper) -> None:
    execute_prepared(connection, ADD, [1, 2])
    [name] = prepared(connection)
    db.close_own_connection()
    db.execute(connection, f"PREPARE {name} AS SELECT $1::int + $2::int")
    assert execute_prepared(connection, ADD, [1, 2]) == [["3"]]


def test_each_answer_may_take_the_whole_time_and_none_more(connection: BaseDatabaseWrapper) -> None:
    nap = "SELECT pg_sleep(%s::float)"
    with reach.limited(connection, 2.0):
        for _ in range(2):
            execute_prepared(connection, nap, [1.1])
    [[session]] = execute_prepared(connection, "SELECT pg_backend_pid()", [])
    with reach.limited(connection, 1.0), pytest.raises(OperationalError):
        execute_prepared(connection, nap, [0.1])
        execute_prepared(connection, nap, [60])
    db.execute(djangos, "SELECT pg_terminate_backend(%s)", [int(session)])


def test_within_a_transaction_nothing_is_prepared(connection: BaseDatabaseWrapper) -> None:
    with db.write_transaction(connection):
        assert execute_prepared(connection, ADD, [1, 2]) == [(3,)]
    with transaction.atomic():
        assert execute_prepared(djangos, ADD, [1, 2]) == [(3,)]
    assert prepared(connection) == prepared(djangos) == []


def test_what_the_database_refuses_is_djangos_error_and_the_connection_goes_on(
    connection: BaseDatabaseWrapper,
) -> None:
    for sql, value, error in (
        ("SELECT %s::text", "a\0b", DataError),
        ("SELECT %s::int", "x", DataError),
        ("UPDATE scheduler_taskrun SET job_id = %s", None, IntegrityError),
    ):
        run = make_run("a")
        with pytest.raises(error):
            execute_prepared(connection, sql, [value])
        assert execute_prepared(connection, ADD, [1, 2]) == [["3"]]
        run.delete()
    with pytest.raises(UnicodeEncodeError):
        execute_prepared(connection, "SELECT %s::text", ["\ud800"])


def test_a_connection_that_the_server_has_ended_is_an_outage(connection: BaseDatabaseWrapper) -> None:
    execute_prepared(connection, ADD, [1, 2])
    djangos.cursor().execute("SELECT pg_terminate_backend(%s)", [connection.connection.info.backend_pid])
    with pytest.raises(OperationalError):
        execute_prepared(connection, ADD, [1, 2])
    assert db.outlast(lambda own: execute_prepared(own, ADD, [1, 2]), what="a sum") == [["3"]]


def test_an_answer_that_does_not_come_is_not_waited_for(connection: BaseDatabaseWrapper) -> None:
    begun = time.monotonic()
    execute_prepared(connection, ADD, [1, 2])
    server = connection.connection.info.backend_pid
    with pytest.raises(OperationalError), reach.limited(connection, 1):
        execute_prepared(connection, "SELECT pg_sleep(%s)", [0])
        execute_prepared(connection, "SELECT pg_sleep(%s)", [60])
    assert time.monotonic() - begun < 30
    djangos.cursor().execute("SELECT pg_terminate_backend(%s)", [server])  # it sleeps on


def test_an_attempts_claim_and_outcome_are_prepared(connection: BaseDatabaseWrapper) -> None:
    for _ in range(2):
        run, process, now = make_run("a", State.QUEUED), uuid.uuid4(), clock.now() + timedelta(seconds=1)
        claim = runs.claim(connection, str(run.id), 1, run.task, worker="w", process=process, pid=1, now=now)
        assert claim is not None and (claim.job_id, claim.args, claim.kwargs) == ("a", run.args, run.kwargs)
        assert runs.finish(connection, str(run.id), 1, runs.Outcome(State.SUCCESS, result='{"a": 1}'))
        ended = TaskRun.objects.get(pk=run.pk)
        assert (ended.state, ended.result, ended.process) == (State.SUCCESS, {"a": 1}, process)
    assert len(prepared(connection)) == 2
