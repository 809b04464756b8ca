"""The page of one run: what it waits for, its attempts, its neighbours, its link, and who may see what of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from scheduler import clock
from scheduler.models import ScheduledTask, ServiceProcess, State, TaskRun

from .pages import JOBS, RUNS, make_job, make_run, messages_of, text_of

REFRESH = {"X-Scheduler-Refresh": "yes"}


def page_of(run: TaskRun) -> str:
    return f"{RUNS}{run.pk}/change/"


def worker(queues: list[str], *, silent: float = 0.0) -> ServiceProcess:
    now = clock.now()
    return ServiceProcess.objects.create(
        kind="worker", name="w@host", host="host", pid=1, started_at=now, queues=queues,
        heartbeat_at=now - timedelta(seconds=silent),
    )  # fmt: skip


# -- waiting -----------------------------------------------------------------------------------------------------------


def test_a_run_in_line_says_so_and_leads_to_what_it_waits_for(boss: Client) -> None:
    make_job("a")
    ahead = make_run("a", State.RUNNING, ago=90)
    answer = boss.get(page_of(make_run("a", State.PENDING, ago=5, waiting=True)))
    assert "It waits in line until a live run of its job ends." in text_of(answer)
    assert page_of(ahead) in answer.content.decode().split("It waits in line")[1].split("</div>")[0]


def test_a_run_that_no_worker_takes_names_the_command_that_mends_it(boss: Client) -> None:
    run = make_run("a", State.QUEUED, ago=30, queue="long")
    worker(["default"])
    assert "No live worker listens on its queue long. Start one: celery -A project worker -Q long" in text_of(
        boss.get(page_of(run))
    )
    worker(["default", "long"])
    assert "No live worker" not in text_of(boss.get(page_of(run)))


def test_a_run_that_was_queued_a_moment_ago_is_not_worried_about(boss: Client) -> None:
    assert "No live worker" not in text_of(boss.get(page_of(make_run("a", State.QUEUED, ago=2))))


def test_a_running_run_whose_worker_fell_silent_says_so(boss: Client) -> None:
    silent, alive = worker(["default"], silent=30), worker(["default"])
    text = text_of(boss.get(page_of(make_run("a", State.RUNNING, process=silent.pk))))
    assert "Its worker was last heard of 30 s ago ." in text and "given up within about 5 s" in text
    assert "last heard of" not in text_of(boss.get(page_of(make_run("a", State.RUNNING, ago=9, process=alive.pk))))


def test_a_run_between_two_attempts_says_why_and_when_it_goes_on(boss: Client) -> None:
    run = make_run(
        "a", State.RETRYING, attempt=2, retries=1, reason="Attempt 1 asked to be tried again: E", exception="E: no",
        publish_at=clock.now() + timedelta(minutes=30),
    )  # fmt: skip
    text = text_of(boss.get(page_of(run)))
    assert "Attempt 1 asked to be tried again: E. Attempt 2 starts in" in text
    assert "Error of attempt 1" in text


# -- attempts ----------------------------------------------------------------------------------------------------------


def earlier(number: int, ago: float, **more: Any) -> dict[str, Any]:
    at = clock.now() - timedelta(seconds=ago)
    return {
        "attempt": number, "worker": f"w{number}@host", "reason": f"reason {number}",
        "started_at": at.isoformat(), "ended_at": (at + timedelta(seconds=4)).isoformat(), **more,
    }  # fmt: skip


def test_earlier_attempts_are_told_one_by_one(boss: Client) -> None:
    run = make_run("a", State.FAILURE, ago=20, attempt=3, retries=2, earlier_attempts=[earlier(1, 40), earlier(2, 30)])
    text = text_of(boss.get(page_of(run)))
    for words in ("Attempts", "w1@host reason 1", "w2@host reason 2", "4.0 s", "3 "):
        assert words in text, words


@pytest.mark.parametrize("stored", [None, {}, "x", [1], [{}], [{"attempt": "<b>", "started_at": 7, "worker": None}]])
def test_no_stored_attempts_break_the_page(boss: Client, stored: Any) -> None:
    run = make_run("a", attempt=2, earlier_attempts=stored)
    assert boss.get(page_of(run)).status_code == 200


def test_the_way_of_a_retried_run_counts_from_the_end_of_the_last_attempt(boss: Client) -> None:
    run = make_run("a", ago=20, attempt=2, retries=1, earlier_attempts=[earlier(1, 30)])
    steps = boss.get(page_of(run)).context["steps"]
    assert [str(step["word"]).split()[0] for step in steps] == [
        "Due", "Pending", "Attempt", "Queued", "Running", "Finished",
    ]  # fmt: skip


def test_a_run_that_ended_before_its_attempt_began_shows_no_start(boss: Client) -> None:
    run = make_run("a", State.CANCELLED, attempt=2, queued_at=None, earlier_attempts=[earlier(1, 60)])
    assert "Running" not in [str(step["word"]) for step in boss.get(page_of(run)).context["steps"]]


# -- neighbours and link -----------------------------------------------------------------------------------------------


def test_the_runs_of_a_job_lead_to_each_other(boss: Client) -> None:
    make_job("a")
    first, second, third = make_run("a", ago=300), make_run("a", ago=200), make_run("a", ago=100)
    make_run("b", ago=150)
    html = boss.get(page_of(second)).content.decode()
    assert f'href="{page_of(first)}" rel="prev"' in html and f'href="{page_of(third)}" rel="next"' in html
    assert "Its job’s first run" in text_of(boss.get(page_of(first)))
    assert "Its job’s latest run" in text_of(boss.get(page_of(third)))


def test_a_short_link_leads_to_its_run_for_ever(boss: Client, login: Callable[..., Client]) -> None:
    run = make_run("a")
    short = f"{RUNS}r/{run.pk.hex[:12]}/"
    assert f"http://testserver{short}" in boss.get(page_of(run)).content.decode()
    assert boss.get(short)["Location"] == page_of(run)
    assert boss.get(short.upper().replace(RUNS.upper(), RUNS).replace("R/", "r/"))["Location"] == page_of(run)
    assert login(view=False).get(short).status_code == 403
    run.delete()
    assert "There is no run whose id begins with" in messages_of(boss.get(short, follow=True))[0]


def test_a_short_link_that_two_runs_share_leads_to_both(boss: Client) -> None:
    twins = [make_run("a", ago=n, id=uuid.UUID(f"abcdefabcdef4000800000000000000{n}")) for n in (1, 2)]
    answer = boss.get(f"{RUNS}r/abcdefabcdef/", follow=True)
    assert list(answer.context["cl"].result_list) == twins


def test_a_run_that_repeats_another_leads_to_it(boss: Client) -> None:
    first = make_run("a")
    answer = boss.get(page_of(make_run("a", ago=5, note=f"Once more\nRetry of {first.pk}")))
    assert f'<a href="{page_of(first)}">{first.pk}</a>' in answer.content.decode()
    assert "Note Once more Queue" in text_of(answer)


# -- rights ------------------------------------------------------------------------------------------------------------


def test_arguments_and_results_are_for_those_who_may_see_them(boss: Client, login: Callable[..., Client]) -> None:
    make_job("a")
    run = make_run("a", args=["given-1"], kwargs={"key": "given-2"}, result="returned-3", exception="E: told")
    assert all(words in text_of(boss.get(page_of(run))) for words in ("given-1", "given-2", "returned-3", "E: told"))
    seen = text_of(login().get(page_of(run)))
    assert not any(words in seen for words in ("given-1", "given-2", "returned-3")) and "E: told" in seen
    assert "people who may view arguments" in seen


def test_secrets_are_masked_even_for_those_who_may_see_arguments(boss: Client) -> None:
    run = make_run("a", kwargs={"api_token": "hush-hush"}, result={"password": "hush-hush"})
    html = boss.get(page_of(run)).content.decode()
    assert "hush-hush" not in html and html.count("*****") == 2


# -- staying fresh -----------------------------------------------------------------------------------------------------


def test_a_refresh_with_a_fresh_token_is_no_news(boss: Client) -> None:
    make_job("a")
    page = page_of(make_run("a"))
    etag = boss.get(page, headers=REFRESH)["ETag"]
    assert boss.get(page, headers={**REFRESH, "If-None-Match": etag}).status_code == 304


def test_the_page_costs_the_same_however_many_runs_there_are(boss: Client, django_assert_num_queries: Any) -> None:
    make_job("a")
    run = make_run("a", State.RUNNING, ago=1000, process=worker(["default"]).pk)
    boss.get(page_of(run))
    with django_assert_num_queries(10):
        boss.get(page_of(run))
    for number in range(30):
        make_run("a", ago=number * 100)
    with django_assert_num_queries(10):
        boss.get(page_of(run))


# -- bad input ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["r/xyz/", "r/abcde/", f"r/{'a' * 33}/", "r/%00%00%00%00%00%00/"])
def test_what_is_no_short_link_is_not_found(boss: Client, wrong: str) -> None:
    answer = boss.get(RUNS + wrong, follow=True)
    assert answer.status_code == 404 or "There is no run" in messages_of(answer)[0]


def test_a_run_whose_job_was_removed_meanwhile_says_so_and_is_not_run(boss: Client) -> None:
    make_job("a")
    run = make_run("a")
    ScheduledTask.objects.update(removed_at=clock.now())
    told = messages_of(boss.post(page_of(run), {"action": "run_again"}, follow=True))
    assert "is gone" in told[0] and TaskRun.objects.count() == 1
    assert 'value="run_again"' not in boss.get(page_of(run)).content.decode()


def test_html_and_nul_in_every_field_are_shown_harmlessly(boss: Client) -> None:
    evil = "<script>alert(1)</script>\x00" if TaskRun.objects.db == "sqlite" else "<script>alert(1)</script>"
    make_job("a", name=evil)
    run = make_run(
        "a", State.FAILURE, requested_by=evil, note=evil, queue=evil, worker=evil, reason=evil, exception=evil,
        traceback=evil, args=[evil], kwargs={evil: evil}, result=evil, progress={"text": evil, "current": evil},
        cancel_requested_by=evil, task=evil, attempt=2, earlier_attempts=[earlier(1, 9, worker=evil, reason=evil)],
    )  # fmt: skip
    for page in (page_of(run), RUNS, f"{RUNS}?job=a&q={evil}", f"{RUNS}{run.pk}/again/", f"{JOBS}a/run/"):
        html = boss.get(page).content.decode()
        assert "<script>alert" not in html and "&lt;script&gt;alert" in html, page
