"""No page reads the tables of runs from end to end: PostgreSQL's own plans of every query that a page makes.

A page is added to `PAGES`; `{busy}`, `{job}` and `{run}` stand for a job with very many runs, one with few, and a run.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote as quote_url

import pytest
from django.contrib.admin.utils import quote, unquote
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_apscheduler.models import DjangoJobExecution

from benchmarks import loading, seed
from scheduler.models import TaskRun
from tests.conftest import DATABASE

from .pages import JOBS, PROCESSES, RUNS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(DATABASE != "postgres", reason="needs TEST_DATABASE=postgres: its plans are what matters"),
]

JOB_COUNT, RUN_COUNT = 1_500, 60_000
MOST_ROWS, MOST_ENTRIES = 3_000, RUN_COUNT // 10
"""Rows of runs, and entries of their indexes alone, that one step of a plan may look at. A job may have more rows."""
BIG = (TaskRun._meta.db_table, DjangoJobExecution._meta.db_table)

PAGES = [
    "/admin/",
    "/admin/scheduler/",
    *(JOBS + query for query in ("", "?p=20", "?q=invoice", "?q=zzz", "?tag=critical", "?queue=mail", "?source=code",
                                 "?o=-4", "?o=-4.2", "?o=7", "?trouble=late", "?trouble=never", "?trouble=broken",
                                 *(f"?state={state}" for state in ("scheduled", "paused", "finished", "removed")))),
    *(f"{JOBS}{{{job}}}/change/?tab={tab}" for job in ("busy", "job")
      for tab in ("overview", "runs", "timeline", "upcoming", "durations", "calendar")),
    JOBS + "upcoming/",
    JOBS + "{job}/edit/",
    JOBS + "{job}/run/",
    RUNS,
    RUNS + "{run}/change/",
    "/admin/scheduler/bulkaction/",
    "/admin/scheduler/retentionrule/",
    PROCESSES,
]  # fmt: skip


@pytest.fixture(scope="module")
def places(django_db_setup: None, django_db_blocker: Any) -> Iterator[dict[str, str]]:
    """Fill the database for the tests of this module, and return what stands for the names in `PAGES`."""
    with django_db_blocker.unblock():
        seed.fill(JOB_COUNT, RUN_COUNT)
        User.objects.create_superuser("explainer", password="explainer")
        counted = TaskRun.objects.values_list("job_id").annotate(runs=Count("pk")).order_by("-runs")
        busy, job = counted[0][0], counted[JOB_COUNT // 2][0]
        run = TaskRun.objects.filter(job_id=busy).first()
        assert run is not None
        yield {"busy": quote(busy), "job": quote(job), "run": quote_url(str(run.pk))}
        loading.empty()
        User.objects.filter(username="explainer").delete()


def steps(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each step of a plan."""
    yield plan
    for each in plan.get("Plans", []):
        yield from steps(each)


def complaint(step: dict[str, Any]) -> str:
    """Return what is wrong with a step of a plan; nothing, if it reads few runs."""
    if step.get("Relation Name") not in BIG:
        return ""
    if "Seq Scan" in step["Node Type"]:
        return "reads the whole table"
    loops = step["Actual Loops"]
    read = (step["Actual Rows"] + step.get("Rows Removed by Filter", 0)) * loops
    most = MOST_ENTRIES if step["Node Type"] == "Index Only Scan" and not step["Heap Fetches"] else MOST_ROWS
    return f"reads {read:.0f} of {RUN_COUNT} rows" if read > most else ""


def complaints(sql: str) -> list[str]:
    """Return what is wrong with PostgreSQL's plan of a query."""
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN (ANALYZE, FORMAT JSON) " + sql.replace("%", "%%"), [])
        told = cursor.fetchone()[0]
    plan = (json.loads(told) if isinstance(told, str) else told)[0]["Plan"]
    return [
        f"{step['Node Type']} on {step['Relation Name']} {said}: {sql}"
        for step in steps(plan)
        if (said := complaint(step))
    ]


@pytest.mark.parametrize("page", PAGES)
def test_no_query_of_a_page_scans_the_runs(page: str, places: dict[str, str], client: Client) -> None:
    client.force_login(User.objects.get(username="explainer"))
    with CaptureQueriesContext(connection) as captured:
        response = client.get(page.format(**places))
    assert response.status_code == 200
    queries = [query["sql"] for query in captured if query["sql"].startswith(("SELECT", "WITH"))]
    assert queries
    assert [said for sql in queries for said in complaints(sql)] == []


@pytest.mark.parametrize(
    "condition",
    ["reason = 'x'", "job_id LIKE '%zzz'", "scheduled_at > '2000-01-01'", "job_id = '{busy}' AND reason <> ''"],
)
def test_a_scan_would_be_found(condition: str, places: dict[str, str]) -> None:
    condition = condition.format(busy=unquote(places["busy"]))
    assert complaints(f"SELECT count(*) FROM {TaskRun._meta.db_table} WHERE {condition}")
