"""What is said of a database that is out of reach."""

from __future__ import annotations

import pytest
from django.db import Error, OperationalError, connection

from scheduler import reach


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
