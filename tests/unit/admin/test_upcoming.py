"""Upcoming: the table of hours, the agenda, the filters, and what is left out."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock, forecast

from .pages import UPCOMING, make_job, text_of

NOW = datetime(2030, 3, 30, 10, 20, tzinfo=UTC)
"""A Saturday; in Berlin clocks go forward on the Sunday that follows."""
DAILY = {"type": "cron", "hour": 2, "minute": 30}


@pytest.fixture(autouse=True)
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOW)
    monkeypatch.setattr(forecast, "MOST_SECONDS", 60.0)  # the collector may halt a test for longer than a page has


def cells(page: Any) -> dict[tuple[str, int], int]:
    """Return the counts by heading and hour, as the table says them; empty hours are left out."""
    table = re.search(r'<table class="sched-heat">.*?</table>', page.content.decode(), re.DOTALL)[0]
    days = re.findall(r'<th scope="col"><span>(\w+)</span>', table)
    found = {}
    for hour, row in re.findall(r'<tr><th scope="row">(\d\d):00</th>(.*?)</tr>', table):
        for day, cell in zip(days, re.findall(r"<td.*?</td>", row), strict=True):
            if number := re.search(r">([\d,]+)<", cell):
                found[day, int(hour)] = int(number[1].replace(",", ""))
    return {place: count for place, count in found.items() if count}


def due(page: Any) -> list[str]:
    return [firing["job"] for firing in page.context["agenda"]]


def at(day: int, hour: int, minute: int = 0) -> datetime:
    return datetime(2030, 3, day, hour, minute, tzinfo=UTC)


def test_the_table_counts_each_hour_of_seven_days_from_now_on(boss: Client) -> None:
    make_job("daily", trigger=DAILY, due=at(31, 2, 30))
    make_job("soon", trigger={"type": "date", "run_date": "2030-03-30T10:45:00"}, due=at(30, 10, 45))
    page = boss.get(UPCOMING)
    assert cells(page) == {("Sat", 10): 1, **{(day, 2): 1 for day in ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri")}}
    assert page.content.decode().count("sched-heat-past") == 10
    assert "The busiest hour: Sat 30 Mar, 10:00 with 1 firing." in text_of(page)


def test_hours_are_the_viewers_and_survive_a_change_of_clocks(boss: Client) -> None:
    make_job("hourly", trigger={"type": "cron", "minute": 5}, due=at(30, 11, 5))
    boss.cookies["sched_zone"] = "Europe/Berlin"
    found = cells(boss.get(UPCOMING))
    assert ("Sat", 12) in found and ("Sat", 11) not in found
    assert ("Sun", 2) not in found and found["Sun", 3] == 1
    assert sum(found.values()) == 12 + 23 + 5 * 24


def test_a_click_on_an_hour_shows_what_is_due_then(boss: Client) -> None:
    make_job("daily", trigger=DAILY, due=at(31, 2, 30))
    make_job("hourly", trigger={"type": "cron", "minute": 5}, due=at(30, 11, 5))
    content = boss.get(UPCOMING).content.decode()
    address = re.search(r'<td class="sched-heat-\d"><a href="(\?hour=2030-04-01T02[^"]+)">2<', content)[1]
    page = boss.get(UPCOMING + address)
    assert due(page) == ["hourly", "daily"] and "Due on Mon 1 Apr from 02:00 on" in text_of(page)
    assert page.content.decode().count('aria-current="true"') >= 1


def test_the_agenda_says_what_comes_next_and_what_is_late(boss: Client) -> None:
    make_job("late", trigger=DAILY, due=NOW - timedelta(minutes=3), name="Late one")
    make_job("next", trigger=DAILY, due=NOW + timedelta(minutes=3), queue="long")
    page = boss.get(UPCOMING)
    assert due(page)[:2] == ["Late one", "next"]
    text = text_of(page)
    assert "late 3 min ago" in text and "in 3 min" in text and "long" in text


def test_the_agenda_has_a_hundred_firings_at_most_and_says_so(boss: Client) -> None:
    make_job("often", trigger={"type": "cron", "second": "*/10"}, due=NOW)
    page = boss.get(UPCOMING)
    assert len(due(page)) == 100 and "The first 100 firings are shown." in text_of(page)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("queue=long", {"b"}),
        ("queue=default", {"a", "c"}),
        ("tag=nightly", {"b", "c"}),
        ("task=tests.app.tasks.nap", {"c"}),
        ("tag=nightly&queue=long", {"b"}),
        ("queue=no%00where", set()),
        ("hour=nonsense", {"a", "b", "c"}),
        ("hour=9999-99-99T00:00Z", {"a", "b", "c"}),
    ],
)
def test_filters_narrow_the_table_and_the_agenda(boss: Client, query: str, expected: set[str]) -> None:
    make_job("a", trigger=DAILY, due=at(31, 2, 30))
    make_job("b", trigger=DAILY, due=at(31, 2, 30), queue="long", tags=["nightly"])
    make_job("c", trigger=DAILY, due=at(31, 2, 30), task="tests.app.tasks.nap", tags=["nightly", "x"])
    page = boss.get(f"{UPCOMING}?{query}")
    assert page.status_code == 200 and set(due(page)) == expected
    if expected:
        assert cells(page)["Mon", 2] == len(expected)
    else:
        assert "No job that matches" in text_of(page)


def test_the_choices_are_what_jobs_have_and_keep_the_other_filters(boss: Client) -> None:
    make_job("a", queue="long", tags=["nightly"])
    content = boss.get(f"{UPCOMING}?tag=nightly&queue=gone").content.decode()
    assert 'href="?queue=long&amp;tag=nightly"' in content and 'href="?tag=nightly"' in content
    assert "<strong>gone</strong>" in content


def test_what_is_left_out_is_said(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "MOST_JOBS", 2)
    for number in range(5):
        make_job(f"job-{number}", due=at(30, 12, number))
    both = [{"type": "cron", "minute": "*"}, {"type": "cron", "second": 0}]
    make_job("a", trigger={"type": "and", "triggers": both}, due=at(30, 11))
    text = text_of(boss.get(UPCOMING))
    assert "All firings are counted for the 2 jobs that are due first; for 4 more, the next alone." in text
    assert "1 job fires so often, by a combined schedule, that not all its firings are counted." in text


def test_an_empty_page_says_what_to_do(login: Callable[..., Client]) -> None:
    of_viewer, of_editor = login().get(UPCOMING), login("add_scheduledtask").get(UPCOMING)
    assert "manage.py jobs add" in text_of(of_viewer) and "Add job" not in text_of(of_viewer)
    assert '/scheduledtask/add/">Add job</a>' in of_editor.content.decode()


def test_counts_are_remembered_for_each_choice(boss: Client) -> None:
    make_job("a", trigger=DAILY, due=at(31, 2, 30))
    boss.get(UPCOMING)
    make_job("b", trigger=DAILY, due=at(31, 2, 30), queue="long")
    assert cells(boss.get(UPCOMING))["Mon", 2] == 1
    assert cells(boss.get(UPCOMING + "?queue=long"))["Mon", 2] == 1
    assert set(due(boss.get(UPCOMING))) == {"a", "b"}  # what comes next is never an old story


def test_it_is_for_those_who_may_view_jobs(login: Callable[..., Client]) -> None:
    make_job("a")
    assert login("view_scheduledtask", view=False).get(UPCOMING).status_code == 200
    assert login("view_taskrun", "view_serviceprocess", view=False).get(UPCOMING).status_code == 403
    assert Client().get(UPCOMING).status_code == 302


def test_the_navigation_leads_here(boss: Client) -> None:
    assert f'<a href="{UPCOMING}" data-key="u" aria-current="page">' in boss.get(UPCOMING).content.decode()


def test_the_number_of_queries_depends_on_nothing(boss: Client) -> None:
    counts = []
    for count in (1, 20):
        for number in range(count):
            make_job(f"job-{count}-{number}", queue=f"q-{number}", tags=[f"t-{number}"])
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            boss.get(UPCOMING)
        counts.append(len(queries))
    assert counts[0] == counts[1] < 12
