"""The page of a job says all that decides when and how it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.admin.zones import CHOICE_COOKIE
from scheduler.models import State

from .pages import JOBS, make_job, make_run, text_of

PAGE = f"{JOBS}a/change/"


def test_it_says_schedule_next_firings_policies_and_arguments(boss: Client) -> None:
    make_job(
        "report",
        trigger={"type": "cron", "day_of_week": "1-5", "hour": 6, "minute": 30},
        due=datetime(2030, 1, 1, 6, 30, tzinfo=UTC),
        overlap="queue",
        max_instances=2,
        catch_up="all",
        misfire_grace_time=90,
        on_lost="retry",
        expires=600,
        soft_time_limit=60,
        run_at_start=True,
        kwargs={"to": "ü@x"},
        owner="data team",
    )
    text = text_of(boss.get(JOBS + "report/change/"))
    for words in (
        "Tuesday to Saturday at 06:30",
        "means Tuesday to Saturday",
        "Tue 2030-01-01 06:30:00 UTC",
        "Sat 2030-01-05 06:30:00 UTC",
        "With 2 live runs, one more waits in line",
        "Each of them runs, oldest first. One that is more than 1 min 30 s late does not run.",
        "It runs again, as a new attempt.",
        "It expires after 10 min.",
        "After 1 min the task is asked to stop.",
        "It runs at once, and then as scheduled.",
        "ü@x",
        "data team",
        "It has not run yet.",
    ):
        assert words in text, words
    assert "Sun 2030" not in text


def test_it_lists_the_last_runs_with_links_and_more_of_them_in_a_part_of_their_own(boss: Client) -> None:
    make_job("a")
    runs = [make_run("a", State.FAILURE, ago=60 * n, exception=f"Error number {n}") for n in range(1, 53)]
    text = text_of(boss.get(PAGE))
    assert "Error number 5 " in text and "Error number 6 " not in text
    response = boss.get(PAGE + "?tab=runs")
    assert "Error number 50 " in text_of(response) and "Error number 51 " not in text_of(response)
    html = response.content.decode()
    assert f"/admin/scheduler/taskrun/{runs[0].pk}/change/" in html and "/admin/scheduler/taskrun/?job=a" in html


def test_its_figures_are_counted_from_its_runs(boss: Client) -> None:
    make_job("a")
    for n in range(1, 20):
        make_run("a", ago=60 * n, took=n)
    make_run("a", State.FAILURE, ago=1500, took=100.0)
    make_run("a", State.SKIPPED, ago=1600)
    text = text_of(boss.get(PAGE))
    for words in ("95 % 19 of 20 ended well", "Duration p50 10 s", "Duration p95 19 s", "Late by p50 150 ms"):
        assert words in text


PARTS = ("overview", "runs", "timeline", "upcoming", "durations", "calendar")


@pytest.mark.parametrize("part", PARTS)
def test_each_part_is_a_plain_link_and_says_what_to_do_where_there_is_nothing(boss: Client, part: str) -> None:
    make_job("a", finished=True)
    html = boss.get(PAGE).content.decode()
    assert f'href="?tab={part}"' in html
    response = boss.get(PAGE + f"?tab={part}")
    html = response.content.decode()
    assert f'href="?tab={part}" aria-current="page"' in html
    if part == "upcoming":
        assert "None: its schedule has no more firings." in text_of(response)
    else:
        assert "“Run now” starts it at once" in text_of(response)


def test_an_unknown_part_is_the_overview(boss: Client) -> None:
    make_job("a")
    assert 'href="?tab=overview" aria-current="page"' in boss.get(PAGE + "?tab=%00<x>").content.decode()


def test_a_refresh_brings_the_parts_that_are_live_and_not_the_charts(boss: Client) -> None:
    make_job("a")
    make_run("a", State.RUNNING, ago=5)
    refresh = {"X-Scheduler-Refresh": "yes"}
    live = boss.get(PAGE, headers=refresh).content
    assert b"Last runs" in live and b'data-moving="yes"' in live and b"<html" not in live
    with CaptureQueriesContext(connection) as captured:
        still = boss.get(PAGE + "?tab=timeline", headers=refresh).content
    assert not [query for query in captured if "scheduler_taskrun" in query["sql"]]
    assert b"job-parts" in still and b"sched-timeline" not in still
    assert b"sched-timeline" in boss.get(PAGE + "?tab=timeline").content


def test_upcoming_lists_the_firings_in_the_jobs_zone_and_the_chosen_one(boss: Client) -> None:
    berlin = {"type": "cron", "hour": 6, "timezone": "Europe/Berlin"}
    make_job("a", trigger=berlin, due=datetime(2030, 1, 1, 5, tzinfo=UTC))
    text = text_of(boss.get(PAGE + "?tab=upcoming"))
    assert "Tue 2030-01-01 06:00:00 CET Tue 2030-01-01 05:00:00 UTC" in text
    assert "Sun 2030-01-20 06:00:00 CET" in text and "2030-01-21" not in text  # twenty of them


@pytest.mark.parametrize("part", ["", "?tab=runs", "?tab=timeline", "?tab=durations", "?tab=calendar"])
def test_times_are_in_the_jobs_zone_where_that_was_chosen(boss: Client, part: str) -> None:
    boss.cookies[CHOICE_COOKIE] = "job"
    make_job("a", trigger={"type": "cron", "hour": 6, "timezone": "Asia/Tokyo"})
    make_run("a")
    html = boss.get(PAGE + part).content.decode()
    assert "Asia/Tokyo" in html if part == "?tab=calendar" else " JST" in html


@pytest.mark.parametrize("part", PARTS)
def test_a_part_takes_as_many_queries_for_60_runs_as_for_one(boss: Client, part: str) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            boss.get(PAGE + f"?tab={part}")
        return len(captured)

    make_job("a")
    make_run("a")
    few = queries()
    for n in range(60):
        make_run("a", State.FAILURE if n % 7 else State.SUCCESS, ago=300 + 60 * n)
    assert queries() == few <= 9


def test_who_may_not_see_arguments_is_told_so(login: Callable[..., Client]) -> None:
    make_job("a", kwargs={"to": "ada@x"})
    text = text_of(login().get(PAGE))
    assert "ada@x" not in text and "Arguments are for people who may view arguments." in text


def test_a_job_that_does_not_fire_says_why(boss: Client) -> None:
    make_job("held", paused_at=clock.now(), finished=True)
    make_job("over", finished=True)
    make_job("ill", broken_reason="No task is named x", finished=True)
    assert "None while it is paused." in text_of(boss.get(JOBS + "held/change/"))
    assert "no more firings" in text_of(boss.get(JOBS + "over/change/"))
    assert "Set aside, because it can't run: No task is named x" in text_of(boss.get(JOBS + "ill/change/"))


def test_who_may_not_see_runs_sees_none_here(login: Callable[..., Client]) -> None:
    make_job("a")
    make_run("a", State.FAILURE, exception="secret")
    viewer = login("view_scheduledtask", view=False)
    response = viewer.get(JOBS + "a/change/")
    assert response.status_code == 200 and "Last runs" not in text_of(response) and "secret" not in text_of(response)
    for part in ("runs", "timeline", "durations", "calendar"):
        html = viewer.get(JOBS + f"a/change/?tab={part}").content.decode()
        assert (
            "secret" not in html
            and f'href="?tab={part}"' not in html
            and 'href="?tab=overview" aria-current="page"' in html
        )
    assert "field-recent" not in viewer.get(JOBS).content.decode()


def test_a_removed_job_shows_no_fault(boss: Client) -> None:
    make_job("ill", broken_reason="No task is named x", removed_at=clock.now(), finished=True)
    response = boss.get(JOBS + "ill/change/")
    assert "None: it was removed." in text_of(response)
    assert "Set aside" not in text_of(response) and "sched-note sched-bad" not in response.content.decode()
    assert "No task is named x" not in text_of(boss.get(JOBS + "?state=removed"))


def test_the_id_stands_beside_the_state_only_where_the_job_has_a_name(boss: Client) -> None:
    make_job("plain")
    make_job("named", name="Alpha")
    assert "<code>plain</code>" not in boss.get(JOBS + "plain/change/").content.decode()
    assert "<code>named</code>" in boss.get(JOBS + "named/change/").content.decode()


def test_source_and_default_queue_have_the_words_of_the_command_line(boss: Client) -> None:
    make_job("a")
    text = text_of(boss.get(JOBS + "a/change/"))
    assert "admin (added at run time)" in text and "Queue default" in text
