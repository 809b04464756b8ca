"""The page of a job says all that decides when and how it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

from django.test import Client

from scheduler import clock
from scheduler.models import State

from .pages import JOBS, make_job, make_run, text_of


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


def test_it_lists_the_last_20_runs_with_links(boss: Client) -> None:
    make_job("a")
    runs = [make_run("a", State.FAILURE, ago=60 * n, exception=f"Error number {n}") for n in range(1, 23)]
    response = boss.get(JOBS + "a/change/")
    assert text_of(response).count("Error number") == 20 and "Error number 21" not in text_of(response)
    html = response.content.decode()
    assert f"/admin/scheduler/taskrun/{runs[0].pk}/change/" in html and "/admin/scheduler/taskrun/?job=a" in html


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
