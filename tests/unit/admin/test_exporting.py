"""Lists as files: all that match, in bounded memory, safe to open, and no more than the viewer may see."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from scheduler.admin import exporting, run_list
from scheduler.models import State, TaskRun

from .pages import JOBS, RUNS, make_job, make_run


def text_of(response: Any) -> str:
    return b"".join(response.streaming_content).decode("utf-8")


def rows_of(response: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_of(response).removeprefix("\ufeff"))))


def documents_of(response: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(text_of(response))
    return found


def test_the_list_offers_what_it_shows_as_a_file(boss: Client) -> None:
    make_job("a")
    html = boss.get(RUNS, {"job": "a", "p": "2", "state": "failed"}).content.decode()
    assert "?job=a&amp;state=failed&amp;export=csv" in html and "?job=a&amp;state=failed&amp;export=json" in html
    assert "?export=csv" in boss.get(JOBS).content.decode()
    assert "export=" not in boss.get("/admin/scheduler/serviceprocess/").content.decode()


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_all_that_match_are_in_the_file_on_whatever_page_they_are(boss: Client, kind: str) -> None:
    make_job("a")
    wanted = [make_run("a", State.FAILURE, ago=n + 1) for n in range(120)]
    make_run("a")
    make_run("b", State.FAILURE)
    answer = boss.get(RUNS, {"job": "a", "state": "failed", "p": "2", "export": kind})
    found = rows_of(answer) if kind == "csv" else documents_of(answer)
    assert [row["id"] for row in found] == [str(run.pk) for run in wanted]
    assert answer["Content-Disposition"].startswith('attachment; filename="runs-') and answer["X-Content-Type-Options"]


def test_a_run_is_told_as_the_commands_tell_it(boss: Client) -> None:
    make_run("a", args=[1, "ü"], kwargs={"token": "hush"}, result={"sum": 3}, queue="long")
    [told] = documents_of(boss.get(RUNS, {"export": "json"}))
    assert (told["args"], told["kwargs"], told["result"], told["duration"]) == (
        [1, "ü"],
        {"token": "*****"},
        {"sum": 3},
        2.0,
    )
    [row] = rows_of(boss.get(RUNS, {"export": "csv"}))
    assert (row["args"], row["queue"], row["duration"]) == ('[1, "ü"]', "long", "2.0")


@pytest.mark.parametrize("page", [JOBS, RUNS])
def test_arguments_are_only_in_the_files_of_those_who_may_view_them(login: Callable[..., Client], page: str) -> None:
    make_job("a", args=["given-1"], kwargs={"key": "given-2"})
    make_run("a", args=["given-1"], result="returned-3")
    for kind in ("csv", "json"):
        seen = text_of(login().get(page, {"export": kind}))
        assert "given" not in seen and "returned" not in seen and "kwargs" not in seen
        assert "given-1" in text_of(login("view_arguments").get(page, {"export": kind}))


@pytest.mark.parametrize("page", [JOBS, RUNS])
def test_a_file_needs_the_same_right_as_its_list(login: Callable[..., Client], page: str) -> None:
    assert login(view=False).get(page, {"export": "csv"}).status_code == 403
    assert Client().get(page, {"export": "csv"}).status_code == 302


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "\nx", "＝1", "－1"])
def test_no_cell_is_taken_for_a_formula(boss: Client, start: str) -> None:
    make_run("a", State.FAILURE, reason=start, exception=f'{start}",=cmd')
    [row] = rows_of(boss.get(RUNS, {"export": "csv"}))
    assert row["reason"] == f"'{start}" and row["exception"] == f"'{start}\",=cmd"


def test_numbers_stay_numbers() -> None:
    assert [exporting.cell(value) for value in (-5, 1.5, True, None, "-5", [-5])] == [
        -5,
        1.5,
        True,
        None,
        "'-5",
        "[-5]",
    ]


def test_jobs_are_filtered_and_sorted_and_all_there(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scheduler.admin.jobs.EXPORTED_AT_ONCE", 2)
    for name in ("c", "a", "e", "b", "d"):
        make_job(name, queue="long" if name in "ace" else "")
    make_run("c")
    found = documents_of(boss.get(JOBS, {"queue": "long", "export": "json"}))
    assert [job["id"] for job in found] == ["a", "c", "e"] and found[1]["last_run"]["state"] == "success"


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("page", [JOBS, RUNS])
def test_an_empty_list_is_an_empty_file(boss: Client, page: str, kind: str) -> None:
    answer = boss.get(page, {"export": kind})
    assert (rows_of(answer) if kind == "csv" else documents_of(answer)) == []


@pytest.mark.parametrize("wrong", ["xml", "", "\x00", "CSV"])
def test_an_unknown_kind_of_file_is_refused(boss: Client, wrong: str) -> None:
    assert boss.get(RUNS, {"export": wrong}).status_code == 400


def test_wrong_parameters_lead_back_to_the_list(boss: Client) -> None:
    assert boss.get(RUNS, {"export": "csv", "args__contains": "x"}).status_code == 400


def test_stretches_and_pages_and_ties_lose_nothing_and_repeat_nothing(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_list, "STRETCH", 7)
    monkeypatch.setattr(run_list, "KEYS_AT_ONCE", 3)
    monkeypatch.setattr(run_list, "AT_ONCE", 2)
    at = make_run("first").scheduled_at
    for n in range(40):
        make_run(f"job-{n}", State.FAILURE if n % 3 else State.SUCCESS)
    TaskRun.objects.filter(job_id__in=[f"job-{n}" for n in range(20)]).update(scheduled_at=at)
    for query, count in (({}, 41), ({"state": "failed"}, 26)):
        ids = [told["id"] for told in documents_of(boss.get(RUNS, {**query, "export": "json"}))]
        assert len(ids) == len(set(ids)) == count
    ordered = [str(key) for key in TaskRun.objects.order_by("-scheduled_at", "-pk").values_list("pk", flat=True)]
    assert [told["id"] for told in documents_of(boss.get(RUNS, {"export": "json"}))] == ordered


def test_a_long_file_is_made_while_it_is_sent(boss: Client) -> None:
    """No more is held in memory for 3,000 runs of 20 KB than for some of them, and nothing is read ahead."""
    at = make_run("a").scheduled_at
    TaskRun.objects.all().delete()
    run = {"job_id": "a", "task": "t", "state": "success", "created_at": at, "result": "x" * 20_000}
    TaskRun.objects.bulk_create(TaskRun(scheduled_at=at, **run) for _ in range(3_000))
    tracemalloc.start()
    try:
        parts = iter(boss.get(RUNS, {"export": "csv"}).streaming_content)
        size = sum(len(part) for part in parts)
        _now, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > 60_000_000 and most < 30_000_000


def test_no_query_of_a_file_asks_for_more_than_a_few_rows(boss: Client) -> None:
    for n in range(5):
        make_run("a", ago=n)
    with CaptureQueriesContext(connection) as captured:
        text_of(boss.get(RUNS, {"export": "csv"}))
    about = [each["sql"] for each in captured if 'FROM "scheduler_taskrun"' in each["sql"]]
    assert len(about) == 4 and all("LIMIT" in sql or '"id" IN (' in sql for sql in about)


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite stores a lone surrogate")
@pytest.mark.parametrize("kind", ["csv", "json"])
def test_half_a_character_does_not_end_a_file(boss: Client, kind: str) -> None:
    make_run("a", result={"x": "\ud800"})
    assert b"success" in b"".join(boss.get(RUNS, {"export": kind}).streaming_content)


@pytest.mark.django_db(transaction=True)
def test_an_asynchronous_server_streams_as_well(login: Callable[..., Client]) -> None:
    make_run("a")
    login("view_arguments")
    client = AsyncClient()

    async def download() -> bytes:
        await client.aforce_login(await User.objects.aget())
        answer = await client.get(RUNS, {"export": "json"})
        assert answer.is_async
        parts = [part async for part in answer.streaming_content]
        await sync_to_async(connections.close_all)()
        return b"".join(parts)

    assert len(json.loads(asyncio.run(download()))) == 1
