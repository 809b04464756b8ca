"""The list of runs: its filters, its search, and how far back it looks."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.admin import run_list
from scheduler.admin.run_list import as_parameter
from scheduler.models import State, TaskRun

from .pages import RUNS, make_job, make_run, text_of


def found(response: Any) -> list[TaskRun]:
    return list(response.context["cl"].result_list)


def ago(**length: float) -> str:
    return as_parameter(clock.now() - timedelta(**length))


# -- filters -----------------------------------------------------------------------------------------------------------


def test_runs_are_filtered_by_queue_worker_and_who_asked(boss: Client) -> None:
    make_job("a")
    runs = {
        "plain": make_run("a"),
        "long": make_run("a", queue="long", ago=61),
        "named": make_run("a", queue="default", ago=62, worker="other@host"),
        "by ann": make_run("a", requested_by="ann", ago=63),
        "start": make_run("a", requested_by="start", ago=64),
    }
    make_job("b", queue="long")
    for query, names in {
        "queue=long": {"long"},
        "queue=default": {"plain", "named", "by ann", "start"},
        "worker=other@host": {"named"},
        "worker=%00": set(),
        "by=hand": {"by ann"},
        "by=schedule": {"plain", "long", "named", "start"},
        "by=forged": set(runs),
    }.items():
        assert set(found(boss.get(f"{RUNS}?{query}"))) == {runs[name] for name in names}, query


def test_runs_are_filtered_from_one_instant_to_another(boss: Client) -> None:
    old, middle, new = (make_run("a", ago=hours * 3600) for hours in (10, 5, 1))
    assert found(boss.get(RUNS, {"from": ago(hours=6), "to": ago(hours=4)})) == [middle]
    assert found(boss.get(RUNS, {"from": ago(hours=6)})) == [new, middle]
    assert found(boss.get(RUNS, {"to": as_parameter(middle.scheduled_at)})) == [old]
    assert found(boss.get(RUNS, {"from": as_parameter(middle.scheduled_at), "to": ago(hours=4)})) == [middle]


def test_times_without_an_offset_are_in_the_viewers_zone(boss: Client) -> None:
    run = make_run("a", scheduled_at=clock.now().replace(2026, 7, 1, 12, 0, 0, 0))
    boss.cookies["sched_zone"] = "Asia/Tokyo"
    assert found(boss.get(RUNS, {"from": "2026-07-01T21:00", "to": "2026-07-01T21:01"})) == [run]
    assert found(boss.get(RUNS, {"from": "2026-07-01T21:01"})) == []
    page = boss.get(RUNS, {"from": "2026-07-01T12:00:00+00:00"})
    assert 'name="from" value="2026-07-01T21:00:00"' in page.content.decode() and found(page) == [run]
    assert found(boss.get(RUNS + "?from=2026-07-01T12:00:00+00:00")) == [run]  # the + is a space by then


@pytest.mark.parametrize("wrong", ["yesterday", "2026-13-01T00:00", "<b>", "\x00", "9" * 5_000, "0001-01-01T00:00"])
def test_what_is_no_time_is_said_and_left_out(boss: Client, wrong: str) -> None:
    run = make_run("a")
    page = boss.get(RUNS, {"from": wrong})
    assert found(page) == [run]
    assert "is not a date and time" in text_of(page) or wrong.startswith("0001")


def test_the_other_filters_stay_when_a_time_is_chosen(boss: Client) -> None:
    make_job("a")
    html = boss.get(RUNS, {"state": "failed", "job": "a", "within": "1h"}).content.decode()
    form = html.split("sched-filter-panel")[1].split("</form>")[0]
    assert 'name="state" value="failed"' in form and 'name="job" value="a"' in form and 'name="within"' not in form
    assert "?job=a&amp;state=failed&amp;within=24h" in form
    assert (
        "from="
        not in boss.get(RUNS, {"from": ago(hours=6)}).content.decode().split("sched-filter-panel")[1].split("</ul>")[0]
    )


@pytest.mark.parametrize("lookup", ["args__contains", "traceback__icontains", "kwargs__has_key", "exception", "id"])
def test_no_lookup_of_djangos_tells_what_a_hidden_column_holds(boss: Client, lookup: str) -> None:
    make_run("a", args=["given-1"], exception="E")
    assert boss.get(RUNS, {lookup: "E"}).status_code == 400


# -- looking back ------------------------------------------------------------------------------------------------------


@pytest.fixture
def short_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_list, "STRETCH", 10)
    monkeypatch.setattr(run_list, "SCATTERED", 10)


def test_filters_that_no_index_answers_look_back_one_stretch_and_lead_on(boss: Client, short_stretch: None) -> None:
    runs = [make_run("a", State.FAILURE if n % 8 == 0 else State.SUCCESS, ago=100 + n) for n in range(25)]
    page, seen = boss.get(RUNS, {"state": "failed"}), []
    for _ in range(3):
        seen.append(found(page))
        if page.context["cl"].beyond_url:
            assert "Looked through the newest runs, back to" in text_of(page)
            page = boss.get(RUNS + page.context["cl"].beyond_url)
    assert seen == [[runs[0], runs[8]], [runs[16]], [runs[24]]]
    assert not page.context["cl"].beyond_url


def test_where_the_stretch_holds_nothing_the_way_further_back_is_shown(boss: Client, short_stretch: None) -> None:
    old = make_run("a", State.LOST, ago=900)
    for n in range(12):
        make_run("a", ago=n + 1)
    page = boss.get(RUNS, {"state": "lost"})
    assert "No run matches." in text_of(page) and "Look further back" in text_of(page)
    assert found(boss.get(RUNS + page.context["cl"].beyond_url)) == [old]


@pytest.mark.parametrize("query", ["", "?job=old", "?state=live", "?state=queued", "?q=old", "?within=30d"])
def test_what_an_index_answers_is_found_however_old_it_is(boss: Client, short_stretch: None, query: str) -> None:
    make_job("old")
    old = make_run("old", State.QUEUED, ago=900)
    for n in range(12):
        make_run("a", ago=n + 1)
    page = boss.get(RUNS + query)
    assert old in found(page) and not page.context["cl"].beyond_url


def test_within_a_job_other_filters_look_back_one_stretch_of_that_job(boss: Client, short_stretch: None) -> None:
    make_job("a")
    old = make_run("a", State.LOST, ago=900)
    for n in range(12):
        make_run("b", ago=n + 1)
    assert found(boss.get(RUNS, {"job": "a", "state": "lost"})) == [old]


def test_a_search_that_finds_very_many_jobs_looks_back_one_stretch(
    boss: Client, short_stretch: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list, "MOST_FOUND", 2)
    for name in ("job-1", "job-2", "job-3"):
        make_job(name)
    old, new = make_run("job-1", ago=900), make_run("job-3", ago=5)
    for n in range(12):
        make_run("a", ago=n + 10)
    page = boss.get(RUNS, {"q": "job"})
    assert found(page) == [new] and found(boss.get(RUNS + page.context["cl"].beyond_url)) == [old]


def test_no_page_of_the_list_looks_at_rows_without_a_bound(boss: Client) -> None:
    make_job("a", queue="long")
    make_run("a")
    for query, least in {
        "state=failed": 99999, "task=tests.app.tasks.add": 99999, "queue=long": 99999, "worker=w": 99999,
        "by=hand": 99999, "within=7d&by=hand": 99999, "q=a&state=failed": 19999, "job=a&state=failed": 19999,
    }.items():  # fmt: skip
        about = queries_about_runs(boss, f"{RUNS}?{query}")
        assert any(f"LIMIT 1 OFFSET {least}" in sql for sql in about), query
        assert all("LIMIT" in sql and "COUNT(" not in sql for sql in about), query


@pytest.mark.skipif(connection.vendor != "postgresql", reason="reads PostgreSQL's plans")
@pytest.mark.parametrize(
    "query",
    ["", "?p=3", "?state=failed", "?state=live", "?task=t", "?queue=long", "?worker=w", "?by=hand", "?within=7d",
     "?from=2026-01-01", "?job=a", "?job=a&state=lost", "?q=a", "?q=0123456789ab", "?q=nothing&state=lost",
     "{run}/change/", "r/{short}/", "{run}/again/", "{run}/log/"],
)  # fmt: skip
def test_no_query_of_the_pages_scans_the_runs_table(boss: Client, query: str) -> None:
    make_job("a", queue="long")
    for n in range(50):
        make_run(f"job-{n % 9}", State.QUEUED if n % 5 == 0 else State.SUCCESS, ago=n)
    run = make_run("a")
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")  # on so small a table a scan would be cheaper
        for sql in queries_about_runs(boss, RUNS + query.format(run=run.pk, short=run.pk.hex[:12])):
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on scheduler_taskrun" not in plan, f"{sql}\n{plan}"


def queries_about_runs(client: Client, address: str) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert client.get(address).status_code in (200, 302)
    found = [each["sql"] for each in captured if 'FROM "scheduler_taskrun"' in each["sql"]]
    assert found
    return found
