"""When a write transaction takes its lock."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from django.db import connection as djangos

from scheduler import db

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(djangos.vendor != "sqlite", reason="SQLite has one lock for all who write"),
]


@pytest.fixture(params=[lambda: djangos, db.own_connection], ids=["Django's", "our own"])
def connection(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A connection that is not open yet, of a host project that has Django begin transactions by its default."""
    options = {**djangos.settings_dict["OPTIONS"]}
    options.pop("transaction_mode", None)
    djangos.close()
    db.close_own_connection()
    connection = request.param()
    with monkeypatch.context() as theirs:
        theirs.setitem(connection.settings_dict, "OPTIONS", options)
        yield connection
    connection.close()


def test_sqlites_write_lock_is_taken_before_the_first_read(connection: Any) -> None:
    name = djangos.settings_dict["NAME"]
    with db.write_transaction(connection), closing(sqlite3.connect(name, timeout=0, uri=True)) as theirs:
        db.execute(connection, "SELECT count(*) FROM scheduler_taskrun")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            theirs.execute("BEGIN IMMEDIATE")
