"""The list of jobs: what it says, its filters and search, and that it asks the database as often for 50 as for 10."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django_apscheduler.models import DjangoJob

from scheduler import clock
from scheduler.admin import job_list
from scheduler.admin.job_filters import JOB_STATES
from scheduler.admin.zones import CHOICE_COOKIE
from scheduler.lookup import state_of
from scheduler.models import ScheduledTask, State

from .pages import JOBS, make_job, make_run, messages_of, text_of


def ids(response: object) -> list[str]:
    return [job.pk for job in response.context["cl"].result_list]


def one_of_each_state() -> None:
    now = clock.now()
    make_job("on")
    make_job("held", paused_at=now, finished=True)
    make_job("over", finished=True)
    make_job("ill", broken_reason="its task is gone", finished=True)
    make_job("away", removed_at=now, finished=True)
    make_job("away-ill-held", removed_at=now, paused_at=now, broken_reason="x")
    make_job("ill-held", paused_at=now, broken_reason="x")


def test_a_row_says_the_state_the_schedule_in_words_and_the_last_run(boss: Client) -> None:
    make_job("mail", name="Send mail", queue="long", tags=["finance"], source="code")
    make_run("mail", ago=500)
    make_run("mail", State.FAILURE, ago=90, took=4.2)
    text = text_of(boss.get(JOBS))
    for words in (
        "scheduled",
        "Send mail",
        "mail",
        "tests.app.tasks.add",
        "every 5 minutes",
        "UTC",
        "failure",
        "1 min 30 s ago",
    ):
        assert words in text
    assert "4.2 s" in text and "long" in text and "finance" in text and "from code" in text
    assert "&quot;type&quot;: &quot;interval&quot;" in boss.get(JOBS).content.decode()


def test_removed_jobs_are_hidden_until_asked_for(boss: Client) -> None:
    one_of_each_state()
    assert set(ids(boss.get(JOBS))) == {"on", "held", "over", "ill", "ill-held"}
    assert set(ids(boss.get(JOBS + "?state=removed"))) == {"away", "away-ill-held"}


def test_the_filter_by_state_and_the_badge_agree(db: None) -> None:
    one_of_each_state()
    for state, condition in JOB_STATES.items():
        for job in ScheduledTask.objects.filter(condition):
            assert state_of(job) == state
    assert sum(ScheduledTask.objects.filter(condition).count() for condition in JOB_STATES.values()) == 7


def test_jobs_are_found_by_id_name_task_and_description(boss: Client) -> None:
    make_job("a-1")
    make_job("b", name="Weekly")
    make_job("c", task="shop.tasks.invoice")
    make_job("d", description="asked for by finance")
    assert [ids(boss.get(JOBS, {"q": word})) for word in ("A-1", "week", "invoice", "finance")] == [
        ["a-1"],
        ["b"],
        ["c"],
        ["d"],
    ]


def test_jobs_are_filtered_by_task_queue_and_source(boss: Client) -> None:
    make_job("a", queue="long", source="code")
    make_job("b", task="other")
    assert ids(boss.get(JOBS + "?task=other")) == ["b"]
    assert ids(boss.get(JOBS + "?queue=long")) == ["a"]
    assert ids(boss.get(JOBS + "?queue=default")) == ["b"]
    assert ids(boss.get(JOBS + "?source=code")) == ["a"]
    assert ids(boss.get(JOBS + "?source=forged&state=forged")) == ["a", "b"]


def test_jobs_are_filtered_by_tag(boss: Client) -> None:
    make_job("a", tags=["finance", "eu"])
    make_job("b", tags=["fin"])
    make_job("c", tags='not a list, says "finance"')
    assert ids(boss.get(JOBS + "?tag=finance")) == ["a"]
    assert ids(boss.get(JOBS + "?tag=fin")) == ["b"]
    assert ids(boss.get(JOBS + "?tag=%22")) == ids(boss.get(JOBS + "?tag=%00")) == []
    choices = re.findall(r'href="\?tag=(\w+)"', boss.get(JOBS).content.decode())
    assert choices == ["eu", "fin", "finance"]


def test_jobs_that_somebody_should_look_at_are_found(boss: Client) -> None:
    make_job("late", due=clock.now() - timedelta(minutes=3))
    make_job("new")
    make_job("ill", broken_reason="its task is gone", finished=True)
    make_job("fine")
    for job in ("late", "ill", "fine"):
        make_run(job)
    assert [ids(boss.get(JOBS + f"?trouble={word}")) for word in ("late", "broken", "never", "forged")] == [
        ["late"],
        ["ill"],
        ["new"],
        ["fine", "ill", "late", "new"],
    ]


def test_jobs_are_sorted_by_id_next_run_and_queue(boss: Client) -> None:
    now = clock.now()
    make_job("a", due=now + timedelta(hours=3), queue="y")
    make_job("b", due=now + timedelta(hours=1), queue="z")
    make_job("c", finished=True, queue="x")
    columns = [column for column in boss.get(JOBS).context["cl"].list_display if column != "action_checkbox"]
    at = {name: columns.index(name) + 1 for name in ("job_cell", "next_run", "queue_cell")}
    for column, found in (("job_cell", "abc"), ("next_run", "bac"), ("queue_cell", "cab")):
        assert "".join(ids(boss.get(JOBS + f"?o={at[column]}"))) == found
        assert "".join(ids(boss.get(JOBS + f"?o=-{at[column]}"))) == found[::-1]


def test_a_list_is_counted_up_to_a_bound_and_its_pages_go_on_beyond(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_list, "COUNTED", 120)
    for number in range(120):
        make_job(f"job-{number:03d}")
    text = text_of(boss.get(JOBS + "?p=3"))
    assert "120 jobs" in text and "Page 3 of 3" in text and "all 120 that match" in text
    for number in range(120, 230):
        make_job(f"job-{number:03d}")
    seen = []
    for page in range(1, 6):
        response = boss.get(JOBS + f"?p={page}")
        seen += ids(response)
        assert "more than 120 jobs" in text_of(response) and f"Page {page} " in text_of(response)
        assert ('rel="next"' in response.content.decode()) == (page < 5)
    assert seen == [f"job-{number:03d}" for number in range(230)]


def test_the_last_30_runs_are_bars_with_their_figures(boss: Client) -> None:
    make_job("a")
    for n in range(1, 34):
        make_run("a", State.FAILURE if n == 2 else State.SUCCESS, ago=60 * n, took=float(n))
    html = boss.get(JOBS).content.decode()
    assert "The last 30 runs: success 29, failure 1" in html and html.count("sched-ink-") == 30
    assert "97 % · p50 15 s · p95 29 s" in text_of(boss.get(JOBS))


def test_times_are_in_each_jobs_own_zone_where_that_was_chosen(boss: Client) -> None:
    boss.cookies[CHOICE_COOKIE] = "job"
    make_job("a", trigger={"type": "cron", "hour": 6, "timezone": "Asia/Tokyo"})
    make_job("b", trigger={"type": "cron", "hour": 6, "timezone": "Asia/Kolkata"})
    make_run("a")
    make_run("b")
    html = boss.get(JOBS).content.decode()
    assert html.count(" JST") == html.count(" IST") == 3  # its next run, its last one, its bar


def test_a_refresh_does_not_ask_for_the_choices_of_filters_that_it_does_not_show(boss: Client) -> None:
    make_job("a", tags=["x"])
    with CaptureQueriesContext(connection) as captured:
        response = boss.get(JOBS + "?tag=x&task=tests.app.tasks.add", headers={"X-Scheduler-Refresh": "yes"})
    assert ids(response) == ["a"] and not [
        query for query in captured if "DISTINCT" in query["sql"] or "RECURSIVE" in query["sql"]
    ]


def test_a_job_that_is_overdue_is_called_late(boss: Client) -> None:
    make_job("slow", due=clock.now() - timedelta(minutes=3))
    assert "late due 3 min ago" in text_of(boss.get(JOBS))


@pytest.mark.parametrize("page", [JOBS, "/admin/scheduler/taskrun/"])
def test_the_number_of_queries_is_the_same_for_one_row_and_for_50(boss: Client, page: str) -> None:
    def queries(jobs: range) -> int:
        for number in jobs:
            make_job(
                f"job-{number:02d}", source="code" if number % 2 else "admin", tags=["even" if number % 2 else "odd"]
            )
            for ago in (10, 400):
                make_run(f"job-{number:02d}", ago=ago + number)
        boss.get(page)
        with CaptureQueriesContext(connection) as captured:
            response = boss.get(page)
        assert len(response.context["cl"].result_list) == min(50, jobs.stop * (1 if page == JOBS else 2))
        return len(captured)

    assert queries(range(1)) == queries(range(1, 50)) <= 12


def test_a_job_that_cannot_be_restored_spoils_only_its_own_row(boss: Client) -> None:
    make_job("good")
    make_job("bad")
    DjangoJob.objects.filter(id="bad").update(job_state=b"\x80\x05cos\nsystem\n(S'echo pwned'\ntR.")
    response = boss.get(JOBS)
    assert ids(response) == ["bad", "good"] and "every 5 minutes" in text_of(response)
    assert boss.get(JOBS + "bad/change/").status_code == 200


def test_an_empty_list_says_what_to_do_next(boss: Client) -> None:
    assert "manage.py jobs add" in text_of(boss.get(JOBS))
    assert "No job matches" in text_of(boss.get(JOBS + "?q=nothing"))


def test_html_in_every_text_is_shown_and_not_obeyed(boss: Client) -> None:
    evil = '<script>alert("x")</script>\x1b[31m'
    make_job("evil", name=evil, task=evil, queue=evil, tags=[evil, 3], description=evil, owner=evil, broken_reason=evil)
    make_run("evil", State.FAILURE, exception=evil, worker=evil, requested_by=evil, reason=evil)
    make_job("fair", name=evil)
    for page in (JOBS, JOBS + "evil/change/", JOBS + "fair/change/"):
        html = boss.get(page).content.decode()
        assert "<script>alert" not in html and "&lt;script&gt;" in html and "\x1b" not in html


@pytest.mark.parametrize(
    "query",
    [
        "?q=%00",
        "?task=%00",
        "?queue=%00",
        "?p=999",
        "?p=x",
        "?o=99",
        "?state=%00",
        "?all=",
        "?tag=%00",
        "?trouble=%00",
        "?p=-1",
    ],
)
def test_a_forged_address_is_answered_with_a_page(boss: Client, query: str) -> None:
    make_job("a")
    assert boss.get(JOBS + query, follow=True).status_code == 200


def test_an_open_page_fetches_its_live_part_alone_and_leaves_the_messages(boss: Client) -> None:
    make_job("a")
    make_run("a", State.RUNNING, ago=5)
    boss.post(JOBS, {"action": "pause", "_selected_action": "a", "index": 0})
    part = boss.get(JOBS, headers={"X-Scheduler-Refresh": "yes"})
    assert b"<html" not in part.content and b'data-moving="yes"' in part.content and b"result_list" in part.content
    assert messages_of(boss.get(JOBS)) == ["Paused 1 job."]


def test_without_the_permission_to_view_there_is_no_page(login: Callable[..., Client]) -> None:
    make_job("a")
    nobody = login("run_job", view=False)
    assert [nobody.get(JOBS + path).status_code for path in ("", "a/change/", "gone/change/")] == [403, 403, 403]
    assert nobody.post(JOBS + "a/change/", {"action": "run_now"}).status_code == 403


def test_jobs_are_neither_added_nor_edited_nor_deleted_by_hand(boss: Client) -> None:
    make_job("a")
    assert boss.get(JOBS + "add/").status_code == 403
    assert boss.post(JOBS + "a/delete/", {"post": "yes"}).status_code == 403
    boss.post(JOBS + "a/change/", {"task": "other", "_save": "Save"})
    boss.post(JOBS, {"action": "delete_selected", "_selected_action": "a", "post": "yes", "index": 0})
    assert ScheduledTask.objects.get().task == "tests.app.tasks.add"
