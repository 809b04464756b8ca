"""How PostgreSQL goes about the queries of a piece of code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db import connection
from django.test.utils import CaptureQueriesContext

WORDS = ("SELECT", "WITH", "UPDATE", "DELETE", "INSERT")


def plans_of(work: Callable[[], Any]) -> dict[str, str]:
    """Do `work`; return each of its queries with its plan."""
    with CaptureQueriesContext(connection) as captured:
        work()
    plans = {}
    with connection.cursor() as cursor:
        for query in captured.captured_queries:
            if query["sql"].lstrip("(").startswith(WORDS):
                cursor.execute(f"EXPLAIN {query['sql']}".replace("%", "%%"))
                plans[query["sql"]] = "\n".join(row[0] for row in cursor.fetchall())
    return plans
