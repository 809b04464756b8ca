"""In which time zone pages show times."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory
from django_apscheduler.models import DjangoJob

from scheduler.admin.times import absolute
from scheduler.admin.zones import BROWSER_COOKIE, CHOICE_COOKIE, in_viewers_zone, of_job, of_jobs
from scheduler.models import TaskRun

from .pages import JOBS, RUNS, make_job, make_run, text_of

TIMES = f"{JOBS}times/"
NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def noon(db: None) -> str:
    """The address of a run that was due at noon, in UTC."""
    run = make_run("a")
    TaskRun.objects.filter(pk=run.pk).update(scheduled_at=NOON)
    return f"{RUNS}{run.pk}/change/"


@pytest.mark.parametrize(
    ("choice", "zone", "shown"),
    [
        ("browser", "Asia/Tokyo", "21:00:00.000 2026-07-01 JST"),
        ("", "America/New_York", "08:00:00.000 2026-07-01 EDT"),
        ("utc", "Asia/Tokyo", "12:00:00.000 2026-07-01 UTC"),
        ("browser", "", "12:00:00.000 2026-07-01 UTC"),
        ("nonsense", "../../etc/passwd", "12:00:00.000 2026-07-01 UTC"),
        ("browser", "No/Where", "12:00:00.000 2026-07-01 UTC"),
    ],
)
def test_times_are_in_the_zone_of_the_browser_or_in_utc(
    boss: Client, noon: str, choice: str, zone: str, shown: str
) -> None:
    boss.cookies[CHOICE_COOKIE], boss.cookies[BROWSER_COOKIE] = choice, zone
    assert shown in text_of(boss.get(noon))


def test_a_choice_is_remembered_and_leads_back(boss: Client, noon: str) -> None:
    answer = boss.post(TIMES, {"times": "utc", "next": noon})
    assert answer.url == noon and answer.cookies[CHOICE_COOKIE].value == "utc"


@pytest.mark.parametrize("back", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
def test_a_choice_leads_nowhere_else(boss: Client, back: str) -> None:
    assert boss.post(TIMES, {"times": "utc", "next": back}).url == ".."


def test_only_a_known_choice_is_remembered_and_only_by_post(boss: Client) -> None:
    assert CHOICE_COOKIE not in boss.post(TIMES, {"times": "mars", "next": JOBS}).cookies
    assert boss.get(TIMES).status_code == 405


def test_the_zones_of_the_jobs_of_a_page_come_in_one_query_where_the_viewer_chose_them(
    django_assert_num_queries: Any, rf: RequestFactory, db: None
) -> None:
    berlin = {"type": "cron", "hour": 6, "timezone": "Europe/Berlin"}
    make_job("a", trigger=berlin)
    make_job("b")
    DjangoJob.objects.create(id="unreadable", job_state=b"no pickle")
    found: list[dict[str, tzinfo]] = []

    @in_viewers_zone
    def view(request: HttpRequest) -> HttpResponse:
        found.append(of_jobs(["a", "b", "a", "unreadable", "gone"]))
        with of_job(found[-1].get("a")):
            return HttpResponse(absolute(NOON))

    request = rf.get("/")
    with django_assert_num_queries(0):
        assert view(request).content == b"2026-07-01 12:00:00 UTC" and found == [{}]
    request.COOKIES[CHOICE_COOKIE] = "job"
    with django_assert_num_queries(1):
        assert view(request).content == b"2026-07-01 14:00:00 CEST"
    assert {job_id: str(zone) for job_id, zone in found[-1].items()} == {"a": "Europe/Berlin", "b": "UTC"}
