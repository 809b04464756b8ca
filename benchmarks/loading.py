"""Loads millions of rows in minutes, into PostgreSQL or SQLite; for `benchmarks.seed`."""

from __future__ import annotations

import json
import math
import random
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import Model
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler.models import HourTally, RunLog, ScheduledTask, ServiceProcess, TaskRun

FILLED = (RunLog, HourTally, TaskRun, DjangoJobExecution, ScheduledTask, DjangoJob, ServiceProcess)
SEED = 0.5
"""What the database's dice begin with: the same numbers give the same draws."""


def defaults(model: type[Model]) -> dict[str, str]:
    """Return the columns of a model that have to hold something, with their defaults as SQL."""
    found: dict[str, str] = {}
    for field in model._meta.concrete_fields:
        if not field.null and not field.primary_key:
            default = field.get_default()
            text = str(default) if isinstance(default, bool | int | str) else json.dumps(default)
            found[str(field.column)] = text if isinstance(default, bool | int) else f"'{text}'"
    return found


def prepare(cursor: Any) -> None:
    """Seed the dice, give PostgreSQL room to sort in for this transaction, and SQLite the functions it lacks."""
    if connection.vendor == "postgresql":
        cursor.execute("SELECT setseed(%s)", [SEED])
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL maintenance_work_mem = '512MB'")
        return
    connection.ensure_connection()
    taught: dict[str, tuple[int, Any]] = {
        "random": (0, random.Random(SEED).random),
        "floor": (1, math.floor),
        "gen_random_uuid": (0, lambda: uuid.uuid4().hex),
        "to_timestamp": (1, lambda at: datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")),
    }
    for name, (arguments, function) in taught.items():
        connection.connection.create_function(name, arguments, function)


@contextmanager
def bare(cursor: Any, tables: list[str]) -> Iterator[None]:
    """Take PostgreSQL's indexes and keys off tables and put them back: sorting once is quicker than filing each row."""
    if connection.vendor != "postgresql":
        yield
        return
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    cursor.execute(
        "SELECT conrelid::regclass::text, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE contype IN ('p', 'u', 'f') AND (conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))"
        " ORDER BY contype = 'f' DESC, conname",
        [tables, tables],
    )
    constraints = cursor.fetchall()
    cursor.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = ANY(%s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [tables],
    )
    indexes = cursor.fetchall()
    for table, name, _ in constraints:
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}")
    for name, _ in indexes:
        cursor.execute(f"DROP INDEX {name}")
    yield
    for _, definition in indexes:
        cursor.execute(definition)
    for table, name, definition in reversed(constraints):
        cursor.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}")


def analyze() -> None:
    """Bring the planner's statistics up to date; outside a transaction PostgreSQL's visibility map as well."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("ANALYZE")
            return
        verb = "ANALYZE" if connection.in_atomic_block else "VACUUM (ANALYZE)"
        for model in FILLED:
            cursor.execute(f"{verb} {model._meta.db_table}")


def empty() -> None:
    """Take out all that `benchmarks.seed` writes, at once."""
    tables = [model._meta.db_table for model in FILLED]
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"TRUNCATE {', '.join(tables)} CASCADE")
            return
        for table in tables:
            cursor.execute(f"DELETE FROM {table}")
