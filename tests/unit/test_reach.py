"""What is said of a database that is out of reach."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import Error, OperationalError, connection

from scheduler import db, reach


@pytest.mark.django_db(transaction=True)
def test_missing_tables_are_told_apart_from_an_outage(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(Error) as missing, connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM not_migrated")
    assert reach.lacks_table(missing.value)
    assert not reach.lacks_table(OperationalError("connection refused"))
    for _ in range(2):
        reach.lost("test", missing.value, "waiting to start")
    reach.over("test")
    first, _back = (record.message for record in caplog.records)
    assert first == "The database has no tables yet, waiting to start: run `manage.py migrate`."


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_died_long_ago_is_replaced_without_a_word_and_an_outage_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(times: int) -> Callable[[object], str]:
        left = iter(range(times))

        def work(_connection: object) -> str:
            for _ in left:
                raise OperationalError("the connection is closed")
            return "done"

        return work

    assert db.outlast(fail(1), what="the claim") == "done"
    assert caplog.records == []
    assert db.outlast(fail(3), what="the claim") == "done"
    assert [record.message[:24] for record in caplog.records] == [
        "Database out of reach, t",
        "Database back after 0.3 ",
    ]
