"""The list and the page of runs: what runs now, how long each took, and how it ended."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf
from scheduler.admin.run_page import journey
from scheduler.models import State, TaskRun

from .pages import JOBS, RUNS, make_job, make_run, messages_of, text_of


def found(response: object) -> list[TaskRun]:
    return list(response.context["cl"].result_list)


def page_of(run: TaskRun) -> str:
    return f"{RUNS}{run.pk}/change/"


def test_a_row_says_state_times_duration_worker_and_error(boss: Client) -> None:
    make_job("a", name="Alpha")
    make_run("a", State.FAILURE, took=125, attempt=3, exception="ValueError: no\nmore")
    make_run("gone", State.SKIPPED, reason="Maximum number of running instances reached")
    text = text_of(boss.get(RUNS))
    for words in (
        "failure",
        "Alpha",
        "1 min ago",
        "2 min 5 s",
        "worker@host",
        "attempt 3",
        "ValueError: no",
        "skipped",
        "gone",
    ):
        assert words in text
    assert "more" not in text and "Maximum number of running instances reached" in text


def test_a_running_run_shows_what_has_passed_and_its_progress(boss: Client) -> None:
    make_job("a")
    make_run("a", State.RUNNING, ago=42, progress={"current": 3, "total": 12, "text": "user <3>"})
    html = boss.get(RUNS).content.decode()
    assert re.search(r'data-tick="elapsed">4[12] s</time>', html) and 'max="12.000000" value="3.000000"' in html
    assert "3 / 12 · user &lt;3&gt;" in html and 'data-moving="yes"' in html


@pytest.mark.parametrize(
    "progress",
    [None, [], "x", {}, {"current": "1"}, {"current": 1, "total": 0}, {"current": 9, "total": 3}, {"current": True}],
)
def test_no_progress_that_a_task_reports_breaks_the_page(boss: Client, progress: object) -> None:
    run = make_run("a", State.RUNNING, progress=progress)
    assert boss.get(RUNS).status_code == boss.get(page_of(run)).status_code == 200


def test_the_newest_run_is_first(boss: Client) -> None:
    old, new = make_run("a", ago=500), make_run("a", ago=5)
    assert found(boss.get(RUNS)) == [new, old]


def test_runs_are_filtered_by_state_task_time_and_job(boss: Client) -> None:
    make_job("a")
    make_job("b", task="other")
    runs = {
        "ok": make_run("a"),
        "live": make_run("a", State.QUEUED),
        "bad": make_run("b", State.TIMEOUT, task="other"),
        "old": make_run("a", ago=7200),
    }
    for query, names in {
        "state=live": {"live"},
        "state=failed": {"bad"},
        "state=success": {"ok", "old"},
        "task=other": {"bad"},
        "within=1h": {"ok", "live", "bad"},
        "job=a": {"ok", "live", "old"},
        "job=%00": set(),
        "state=forged&within=forged": set(runs),
    }.items():
        assert set(found(boss.get(f"{RUNS}?{query}"))) == {runs[name] for name in names}, query


def test_runs_are_found_by_job_and_by_the_beginning_of_their_id(boss: Client) -> None:
    make_job("a", name="Weekly report")
    run, other = make_run("a"), make_run("gone")
    for word in ("a", "weekly", str(run.pk), str(run.pk)[:8], run.pk.hex):
        assert run in found(boss.get(RUNS, {"q": word})), word
    assert found(boss.get(RUNS, {"q": str(other.pk)})) == found(boss.get(RUNS, {"q": "gone"})) == [other]
    assert found(boss.get(RUNS, {"q": str(uuid.uuid4())})) == []


def test_the_runs_table_is_never_counted_and_its_large_columns_stay_where_they_are(boss: Client) -> None:
    for number in range(60):
        make_run("a", ago=number)
    with CaptureQueriesContext(connection) as captured:
        response = boss.get(RUNS)
    about_runs = [query["sql"] for query in captured if 'FROM "scheduler_taskrun"' in query["sql"]]
    assert len(about_runs) == 1 and "LIMIT 51" in about_runs[0] and "COUNT(" not in about_runs[0]
    assert "traceback" not in about_runs[0] and '"result"' not in about_runs[0]
    assert "Older" in text_of(response) and len(found(response)) == 50


def test_pages_lead_to_older_runs_and_back(boss: Client) -> None:
    runs = [make_run("a", ago=number) for number in range(120)]
    assert found(boss.get(RUNS + "?p=3&job=a")) == runs[100:]
    text = boss.get(RUNS + "?p=2&job=a").content.decode()
    assert "?job=a&amp;p=1" in text and "?job=a&amp;p=3" in text
    assert "No older runs." in text_of(boss.get(RUNS + "?p=4"))
    assert boss.get(RUNS + "?p=-7").status_code == boss.get(RUNS + "?p=99999999999").status_code == 200


def test_an_empty_list_says_what_to_do_next(boss: Client) -> None:
    assert "manage.py runscheduler" in text_of(boss.get(RUNS))
    assert "No run matches" in text_of(boss.get(RUNS + "?state=failed"))


def test_the_page_tells_the_way_from_due_to_finished(boss: Client) -> None:
    make_job("a", name="Alpha")
    run = make_run(
        "a",
        took=2,
        args=[1],
        kwargs={"b": "<i>"},
        result={"sum": 3},
        requested_by="ann",
        note="for the audit",
        queue="long",
    )
    response = boss.get(page_of(run))
    text = text_of(response)
    for words in (
        "Run of Alpha",
        "Due",
        "Pending",
        "+50 ms",
        "+100 ms",
        "+2.0 s",
        "ann",
        "for the audit",
        "long",
        str(run.pk),
    ):
        assert words in text, words
    assert "&quot;b&quot;: &quot;&lt;i&gt;&quot;" in response.content.decode() and "&quot;sum&quot;: 3" in text


def test_the_journey_of_a_live_run_shows_what_is_still_to_come(db: None) -> None:
    run, now = make_run("a", State.QUEUED, ago=30), clock.now()
    steps = journey(run, now)
    assert [step["reached"] for step in steps] == [True, True, True, False, False]
    assert steps[2]["current"] and re.fullmatch(r"for <time .*>30 s</time>", steps[2]["so_far"])


def test_the_journey_of_a_skipped_firing_leaves_out_what_it_never_reached(db: None) -> None:
    assert [step["word"] for step in journey(make_run("a", State.SKIPPED), clock.now())] == [
        "Due",
        "Pending",
        "Finished",
    ]


def test_a_run_that_waits_for_its_next_attempt_does_not_show_the_start_of_the_last(db: None) -> None:
    run = make_run("a", State.RETRYING, attempt=2)
    assert [step["reached"] for step in journey(run, clock.now())][3] is False


def test_errors_are_shown_harmlessly(boss: Client) -> None:
    evil = "\x1b[31m<img src=x onerror=alert(1)>\u202e"
    run = make_run("a", State.FAILURE, exception=evil, traceback=f"line 1\n{evil}", result={"x": evil}, reason=evil)
    html = boss.get(page_of(run)).content.decode()
    assert "<img src=x" not in html and "&lt;img src=x" in html and "\x1b" not in html and "\u202e" not in html
    assert b"\x1b" not in boss.get(RUNS).content


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite stores a lone surrogate")
def test_a_result_that_no_response_can_encode_is_shown_all_the_same(boss: Client) -> None:
    run = make_run("a", result={"x": "\ud800"}, progress={"current": 1, "text": "\udfff"})
    assert "\\ud800" in boss.get(page_of(run)).content.decode()


def test_cancel_ends_a_waiting_run_and_asks_a_running_one(boss: Client) -> None:
    make_job("a")
    waiting, running, ended = make_run("a", State.QUEUED), make_run("a", State.RUNNING), make_run("a")
    data = {"action": "cancel", "_selected_action": [str(r.pk) for r in (waiting, running, ended)], "index": 0}
    told = messages_of(boss.post(RUNS, data, follow=True))
    assert len(told) == 3 and "has ended already" in told[0]
    assert told[1:] == ["Cancelled 1 run.", "Asked 1 running run to stop."]
    waiting.refresh_from_db()
    running.refresh_from_db()
    assert waiting.state == "cancelled" and running.cancel_requested_by == "user-0"
    assert "user-0 asked it to stop" in text_of(boss.get(page_of(running)))


def test_run_again_makes_a_new_run_of_the_same_arguments_and_lands_there(boss: Client) -> None:
    make_job("a", args=[9])
    run = make_run("a", State.FAILURE, args=[1], kwargs={"b": 2})
    response = boss.post(page_of(run), {"action": "run_again"}, follow=True)
    new = TaskRun.objects.exclude(pk=run.pk).get()
    assert (new.args, new.kwargs, new.requested_by) == ([1], {"b": 2}, "user-0")
    assert response.redirect_chain[-1][0] == page_of(new)


@pytest.mark.parametrize(("action", "needed"), [("cancel", "cancel_run"), ("run_again", "run_job")])
def test_an_action_without_its_permission_is_refused_by_the_server(
    login: Callable[..., Client], action: str, needed: str
) -> None:
    make_job("a")
    run = make_run("a", State.QUEUED)
    others = login({"cancel_run": "run_job", "run_job": "cancel_run"}[needed], "change_taskrun", "delete_taskrun")
    assert others.post(page_of(run), {"action": action}).status_code == 403
    selection = {"action": action, "_selected_action": str(run.pk), "index": 0}
    assert others.post(RUNS, selection).status_code == 403
    assert TaskRun.objects.get().state == "queued"
    assert f'value="{action}"' not in others.get(page_of(run)).content.decode()


def test_only_the_buttons_that_fit_the_state_are_shown(boss: Client) -> None:
    make_job("a")
    live, ended, orphan = make_run("a", State.RUNNING), make_run("a"), make_run("gone")
    pages = [boss.get(page_of(run)).content.decode() for run in (live, ended, orphan)]
    assert ['value="cancel"' in page for page in pages] == [True, False, False]
    assert ['value="run_again"' in page for page in pages] == [False, True, False]


def test_runs_are_neither_added_nor_deleted_by_hand(boss: Client, login: Callable[..., Client]) -> None:
    run = make_run("a")
    others = login("add_taskrun", "change_taskrun", "delete_taskrun")
    assert others.get(RUNS + "add/").status_code == 403
    assert others.post(f"{RUNS}{run.pk}/delete/", {"post": "yes"}).status_code == 403
    others.post(RUNS, {"action": "delete_selected", "_selected_action": str(run.pk), "post": "yes", "index": 0})
    assert TaskRun.objects.count() == 1


def test_forged_ids_do_nothing_and_say_so(boss: Client) -> None:
    make_run("a", State.QUEUED)
    data = {"action": "cancel", "_selected_action": ["x' OR 1=1", "a\x00"], "index": 0}
    assert "no run can have" in messages_of(boss.post(RUNS, data, follow=True))[0]
    assert "no run can have" in messages_of(boss.post(RUNS, {**data, "_selected_action": "../.."}, follow=True))[0]
    for forged in ("x", str(uuid.uuid4()), "_00"):
        assert "There is no run" in messages_of(boss.get(f"{RUNS}{forged}/change/", follow=True))[0]
    assert TaskRun.objects.get().state == "queued"


def test_the_history_of_a_job_that_is_gone_can_be_read(boss: Client) -> None:
    run = make_run("deleted", State.SUCCESS, ago=timedelta(days=2).total_seconds())
    text = text_of(boss.get(page_of(run)))
    assert "deleted" in text and "the job is gone" in text
    assert JOBS + "deleted" not in boss.get(RUNS).content.decode()


def test_only_a_run_that_went_well_shows_a_result(boss: Client) -> None:
    make_job("a")
    assert "Result" not in text_of(boss.get(page_of(make_run("a", State.FAILURE, exception="ValueError"))))
    assert "Result It returned nothing." in text_of(boss.get(page_of(make_run("a", ago=5))))


def test_a_retried_run_says_why_its_body_began_late(boss: Client) -> None:
    own = make_run("a", attempt=2, retries=1, task="tasks.fail_sometimes")
    lost = make_run("a", ago=5, attempt=2, options={"on_lost": "retry"})
    unknown = make_run("a", ago=6, attempt=2, retries=1, task="gone")
    assert "attempt 2 of at most 4; the earlier ones took their time" in text_of(boss.get(page_of(own)))
    assert f"attempt 2 of at most {conf.get('MAX_ATTEMPTS')}; the earlier" in text_of(boss.get(page_of(lost)))
    assert "attempt 2; the earlier" in text_of(boss.get(page_of(unknown)))
    assert "took their time" not in text_of(boss.get(page_of(make_run("a", ago=7))))
