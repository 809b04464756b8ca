"""The covering indexes of runs: there on every database, covering on PostgreSQL, and without a warning of Django's."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection

from scheduler.models import TaskRun

NAMES = ("scheduler_run_job", "scheduler_run_time")


@pytest.mark.django_db
@pytest.mark.parametrize("name", NAMES)
def test_it_is_in_the_database_and_covers_the_state_where_it_can(name: str) -> None:
    with connection.cursor() as cursor:
        assert name in connection.introspection.get_constraints(cursor, TaskRun._meta.db_table)
        if connection.vendor == "postgresql":
            cursor.execute("SELECT indexdef FROM pg_indexes WHERE indexname = %s", [name])
            assert cursor.fetchone()[0].endswith("INCLUDE (state)")


@pytest.mark.django_db
def test_checks_find_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("check", "scheduler", databases=["default"], fail_level="WARNING")
    assert "no issues" in capsys.readouterr().out


def test_it_survives_a_migration() -> None:
    for index in (index for index in TaskRun._meta.indexes if index.name in NAMES):
        _, arguments, options = index.deconstruct()
        assert type(index)(*arguments, **options) == index
        assert options["covers"] == ("state",)
