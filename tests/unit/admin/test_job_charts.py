"""The charts of a job's page: their numbers are right, and each has them in a table."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from scheduler import clock
from scheduler.admin import job_charts
from scheduler.models import State

from .pages import JOBS, make_job, make_run, text_of

PAGE = f"{JOBS}a/change/"
NOON = datetime(2026, 7, 15, 12, tzinfo=UTC)


@pytest.fixture
def noon(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    monkeypatch.setattr(clock, "now", lambda: NOON)
    make_job("a", due=NOON + timedelta(hours=1))


def data_of(client: Client) -> dict[str, Any]:
    html = client.get(PAGE + "?tab=durations").content.decode()
    found = re.search(r'<script id="job-durations-data" type="application/json">(.*?)</script>', html)
    assert found is not None
    told: dict[str, Any] = json.loads(found[1])
    return told


def test_the_duration_chart_has_each_run_from_old_to_new_with_p50_and_p95(boss: Client, noon: None) -> None:
    for n in range(1, 41):
        make_run("a", ago=3600 - n, took=float(n))
    make_run("a", State.FAILURE, ago=5, took=100.0)
    make_run("a", State.CANCELLED, ago=4, took=500.0)
    make_run("a", State.SKIPPED, ago=3)
    told = data_of(boss)
    assert told["success"] == [float(n) for n in range(1, 41)] + [None]
    assert told["failed"] == [None] * 40 + [100.0]
    assert told["at"] == sorted(told["at"]) and told["at"][-1] == NOON.timestamp() - 5
    assert told["p50"][:3] == [1, 1, 2] and told["p50"][39] == 25  # half of 11 … 40
    assert told["p95"][39] == 39 and told["zone"] == "UTC"
    text = text_of(boss.get(PAGE + "?tab=durations"))
    assert "The last 41 runs that ended by themselves." in text and "failure 1 min 40 s" in text


def test_the_chart_is_drawn_by_files_of_ours(boss: Client, noon: None) -> None:
    make_run("a")
    html = boss.get(PAGE + "?tab=durations").content.decode()
    assert "scheduler/vendor/uPlot.iife.min.js" in html and "scheduler/charts.js" in html
    assert "uPlot" not in boss.get(PAGE).content.decode()


def test_a_day_of_the_calendar_has_the_tone_of_its_worst_outcome(boss: Client, noon: None) -> None:
    for days, state in ((0, State.SUCCESS), (1, State.FAILURE), (2, State.MISSED), (3, State.SKIPPED)):
        make_run("a", state, ago=days * 86_400 + 60)
        make_run("a", State.SUCCESS, ago=days * 86_400 + 120)
    make_run("a", State.SUCCESS, ago=6 * 86_400)
    html = boss.get(PAGE + "?tab=calendar").content.decode()
    cells = dict(re.findall(r'<title>(\w+ \d{4}-\d\d-\d\d: [^<]*)</title><rect class="sched-(?:ink|cell)-(\w+)"', html))
    assert len(cells) == 26 * 7 and set(list(cells.values())[:-7]) == {"empty"}  # half a year, however young the job
    assert dict(list(cells.items())[-7:]) == {
        "Wed 2026-07-15: success 2": "good",
        "Tue 2026-07-14: success 1, failure 1": "bad",
        "Mon 2026-07-13: success 1, missed 1": "warn",
        "Sun 2026-07-12: success 1, skipped 1": "good",
        "Sat 2026-07-11: no runs": "empty",
        "Fri 2026-07-10: no runs": "empty",
        "Thu 2026-07-09: success 1": "good",
    }
    text = text_of(boss.get(PAGE + "?tab=calendar"))
    assert "Tue 2026-07-14 2 1 1 – – – –" in text and "All runs of the last 53 weeks are counted." in text


def test_days_begin_at_midnight_of_the_zone(boss: Client, noon: None) -> None:
    boss.cookies["sched_zone"] = "Asia/Tokyo"
    make_run("a", ago=12 * 3600 + 1800)  # 23:30 in UTC, 08:30 the next day in Tokyo
    assert "Wed 2026-07-15: success 1" in boss.get(PAGE + "?tab=calendar").content.decode()


def test_the_calendar_counts_so_many_runs_and_says_back_to_when(
    boss: Client, noon: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_charts, "CALENDAR", 5)
    for n in range(8):
        make_run("a", ago=n * 86_400 + 60)
    text = text_of(boss.get(PAGE + "?tab=calendar"))
    assert "Counted are the newest 5 runs, back to 2026-07-11 11:59:00 UTC." in text
    assert "Sat 2026-07-11" in text and "2026-07-10" not in text


def test_runs_of_more_than_a_year_ago_are_left_out(boss: Client, noon: None) -> None:
    make_run("a", ago=400 * 86_400)
    assert "It has not run in the last 53 weeks" in text_of(boss.get(PAGE + "?tab=calendar"))


def test_the_timeline_has_a_table_that_says_what_overlapped(boss: Client, noon: None) -> None:
    make_run("a", ago=100, took=50)
    make_run("a", ago=90, took=50)
    make_run("a", State.SKIPPED, ago=20)
    response = boss.get(PAGE + "?tab=timeline")
    assert "None overlapped" not in text_of(response)
    rows = re.findall(r"<tr><th scope=\"row\">.*?</tr>", response.content.decode(), re.DOTALL)
    assert [re.sub(r"<[^>]*>", " ", row).split()[-1] for row in rows] == ["–", "1", "1"]
