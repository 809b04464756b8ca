"""Run now, pause, resume and remove: what they do, what they say, and that nobody does what he may not."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django_apscheduler.models import DjangoJob

from scheduler import bulk, clock
from scheduler.admin.job_actions import AT_ONCE
from scheduler.lookup import state_of
from scheduler.models import BulkAction, ScheduledTask, TaskRun

from .pages import JOBS, make_job, messages_of, text_of

NEEDED = {"run_now": "run_job", "pause": "pause_job", "resume": "pause_job", "remove": "delete_scheduledtask"}


def do(client: Client, action: str, *ids: str, confirmed: str = "yes", query: str = "", **more: str) -> Any:
    data = {"action": action, "_selected_action": list(ids), "index": 0, "confirmed": confirmed, **more}
    return client.post(JOBS + query, data, follow=True)


def states() -> dict[str, str]:
    return {job.pk: state_of(job) for job in ScheduledTask.objects.select_related("job")}


def test_run_now_asks_for_a_run_of_each_and_says_how_many(boss: Client) -> None:
    make_job("a")
    make_job("b")
    make_job("c")
    response = do(boss, "run_now", "a", "b")
    assert messages_of(response) == ["Asked for a run of 2 jobs."]
    assert sorted(TaskRun.objects.values_list("job_id", "requested_by")) == [("a", "user-0"), ("b", "user-0")]


def test_run_now_of_one_job_lands_on_the_page_of_its_run(boss: Client) -> None:
    make_job("a")
    response = do(boss, "run_now", "a")
    assert response.redirect_chain[-1][0] == f"/admin/scheduler/taskrun/{TaskRun.objects.get().pk}/change/"


def test_pause_and_resume_say_how_many(boss: Client) -> None:
    make_job("a")
    make_job("b")
    assert messages_of(do(boss, "pause", "a", "b")) == ["Paused 2 jobs."]
    assert states() == {"a": "paused", "b": "paused"}
    assert messages_of(do(boss, "resume", "a")) == ["Resumed 1 job."]
    assert states() == {"a": "scheduled", "b": "paused"}


def test_remove_asks_first_and_then_keeps_the_history(boss: Client) -> None:
    make_job("a", name="Alpha")
    make_job("b")
    make_job("c")
    question = do(boss, "remove", "a", "b", confirmed="")
    assert b"Remove 2 jobs" in question.content and b"Alpha" in question.content
    assert set(states().values()) == {"scheduled"}
    answer = boss.post(JOBS, {"action": "remove", "_selected_action": ["a", "b"], "confirmed": "yes"}, follow=True)
    assert messages_of(answer) == ["Removed 2 jobs. Their runs stay."]
    assert states() == {"a": "removed", "b": "removed", "c": "scheduled"}


@pytest.mark.parametrize("action", ["run_now", "pause", "remove"])
def test_several_jobs_are_asked_about_first_with_what_and_how_many(boss: Client, action: str) -> None:
    for name in ("a", "b", "c"):
        make_job(name, name=name.upper() * 3)
    before = states()
    text = text_of(do(boss, action, "a", "b", confirmed=""))
    word = {"run_now": "Run 2 jobs now?", "pause": "Pause 2 jobs?", "remove": "Remove 2 jobs?"}[action]
    assert word in text and "AAA" in text and "BBB" in text and "CCC" not in text
    assert states() == before and not TaskRun.objects.exists()


def test_one_job_is_paused_run_and_resumed_without_a_question(boss: Client) -> None:
    make_job("a")
    do(boss, "pause", "a", confirmed="")
    assert states() == {"a": "paused"}
    do(boss, "resume", "a", confirmed="")
    assert states() == {"a": "scheduled"}


def test_all_that_match_are_those_of_the_filter_on_every_page_and_nothing_else(boss: Client) -> None:
    for number in range(60):
        make_job(f"x-{number:02d}", queue="long")
    make_job("other")
    make_job("held", queue="long", paused_at=clock.now(), finished=True)
    question = do(boss, "pause", confirmed="", query="?queue=long", select_across="1")
    text = text_of(question)
    assert "Pause 60 jobs?" in text and "and 50 more" in text and "1 other job that was chosen stays as it is" in text
    assert "in the background" not in text
    answer = do(boss, "pause", query="?queue=long", select_across="1", count="60")
    assert messages_of(answer) == ["Paused 60 jobs."]
    assert [name for name, state in states().items() if state == "scheduled"] == ["other"]


def test_a_number_that_is_no_longer_true_is_asked_about_again(boss: Client) -> None:
    make_job("a")
    make_job("b")
    answer = do(boss, "remove", select_across="1", count="5")
    assert "Meanwhile other jobs match" in text_of(answer) and "Remove 2 jobs?" in text_of(answer)
    assert set(states().values()) == {"scheduled"}


def test_more_than_a_hundred_jobs_are_left_to_the_engine(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[str]] = []
    start = bulk.start
    monkeypatch.setattr(bulk, "start", lambda action, ids, **more: asked.append(ids) or start(action, ids, **more))
    for number in range(AT_ONCE + 1):
        make_job(f"x-{number:03d}")
    assert "It is done in the background" in text_of(do(boss, "pause", confirmed="", select_across="1"))
    answer = do(boss, "pause", select_across="1", count=str(AT_ONCE + 1))
    started = BulkAction.objects.get()
    assert (started.action, started.total, started.requested_by) == ("pause", AT_ONCE + 1, "user-0")
    assert started.user_id == str(User.objects.get().pk) and asked == [sorted(states())]
    assert answer.redirect_chain[-1][0] == f"/admin/scheduler/bulkaction/{started.pk}/change/"
    assert messages_of(answer) == [f"Begun, with {AT_ONCE + 1} jobs."] and set(states().values()) == {"scheduled"}


@pytest.mark.parametrize("apart", [False, True])
def test_thousands_are_asked_about_in_readable_numbers_and_confirmed_by_plain_ones(
    boss: Client, settings: Any, apart: bool
) -> None:
    settings.USE_THOUSAND_SEPARATOR = apart
    rows = [DjangoJob(id=f"x-{number}", next_run_time=clock.now(), job_state=b"") for number in range(1_200)]
    DjangoJob.objects.bulk_create(rows)
    ScheduledTask.objects.bulk_create([ScheduledTask(job=row, task="tests.app.tasks.add") for row in rows])
    asked = do(boss, "pause", confirmed="", select_across="1")
    assert "Pause 1,200 jobs?" in text_of(asked)
    sent = re.search(r'name="count" value="([^"]*)"', asked.content.decode())
    assert sent is not None
    answer = do(boss, "pause", select_across="1", count=sent[1])
    assert messages_of(answer) == ["Begun, with 1,200 jobs."]
    assert "0 / 1,200" in text_of(answer) and "1,200 are still to be done" in text_of(answer)


def test_a_confirmation_that_is_sent_twice_begins_one_bulk_action(boss: Client) -> None:
    for number in range(AT_ONCE + 1):
        make_job(f"x-{number:03d}")
    for _ in range(2):
        do(boss, "run_now", select_across="1", count=str(AT_ONCE + 1), token="the same")
    assert BulkAction.objects.count() == 1


def test_where_nothing_fits_nothing_is_asked_or_done(boss: Client) -> None:
    make_job("a")
    make_job("b")
    assert messages_of(do(boss, "resume", "a", "b")) == ["Of the jobs that were chosen, there is none to do that to."]


@pytest.mark.parametrize("action", ["run_now", "pause", "remove"])
def test_a_task_that_asks_for_a_permission_keeps_it_from_who_lacks_it(boss: Client, settings: Any, action: str) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "TASK_PERMISSIONS": {"tests.app.tasks.add": "auth.delete_user"}}
    make_job("a")
    assert "auth.delete_user" in messages_of(do(boss, action, "a"))[0]
    assert states() == {"a": "scheduled"} and not TaskRun.objects.exists()


def test_of_many_jobs_those_are_left_out_whose_tasks_the_user_may_not_use(boss: Client, settings: Any) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "TASK_PERMISSIONS": {"secret.*": "auth.delete_user"}}
    for number in range(AT_ONCE + 1):
        make_job(f"x-{number:03d}")
    make_job("hidden", task="secret.task")
    text = text_of(do(boss, "run_now", confirmed="", select_across="1"))
    assert f"Run {AT_ONCE + 1} jobs now?" in text and "1 other job that was chosen stays as it is" in text
    do(boss, "run_now", select_across="1", count=str(AT_ONCE + 1))
    assert (BulkAction.objects.get().action, BulkAction.objects.get().total) == ("run", AT_ONCE + 1)


def test_what_is_refused_is_said_job_by_job_and_the_others_go_on(boss: Client) -> None:
    make_job("good")
    make_job("bad", task="no.such.task")
    told = messages_of(do(boss, "run_now", "good", "bad"))
    assert len(told) == 2 and "no.such.task" in told[0] and told[1] == "Asked for a run of 1 job."
    assert TaskRun.objects.get().job_id == "good"


def test_of_many_refusals_ten_are_told_and_the_rest_counted(boss: Client) -> None:
    names = [f"bad-{number}" for number in range(13)]
    for name in names:
        make_job(name, task="no.such.task")
    told = messages_of(do(boss, "run_now", *names))
    assert len(told) == 11 and told[-1] == "3 more were refused."


@pytest.mark.parametrize("action", NEEDED)
@pytest.mark.parametrize("place", ["list", "page"])
def test_an_action_without_its_permission_is_refused_by_the_server(
    login: Callable[..., Client], action: str, place: str
) -> None:
    make_job("a", finished=action == "resume")
    before = states()
    others = login(*(codename for codename in NEEDED.values() if codename != NEEDED[action]), "change_scheduledtask")
    if place == "list":
        answer = others.post(JOBS, {"action": action, "_selected_action": "a", "index": 0, "confirmed": "yes"})
    else:
        answer = others.post(JOBS + "a/change/", {"action": action, "confirmed": "yes"})
    assert answer.status_code == 403
    assert states() == before and not TaskRun.objects.exists()
    assert f'value="{action}"' not in others.get(JOBS + "a/change/").content.decode()


def test_a_get_does_nothing_and_a_post_needs_its_csrf_token(boss: Client) -> None:
    make_job("a")
    boss.get(JOBS, {"action": "pause", "_selected_action": "a", "index": 0})
    boss.get(JOBS + "a/change/", {"action": "pause"})
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get())
    for address in (JOBS, JOBS + "a/change/"):
        answer = strict.post(address, {"action": "pause", "_selected_action": "a", "index": 0})
        assert answer.status_code == 403
    assert states() == {"a": "scheduled"}


def test_the_buttons_of_the_page_do_the_same(boss: Client) -> None:
    make_job("reports:weekly/eu+apac@x")
    page = JOBS + "reports_3Aweekly_2Feu+apac_40x/change/"
    page = boss.get(JOBS).content.decode().split('sched-main" href="')[1].split('"')[0]
    boss.post(page, {"action": "pause"})
    assert set(states().values()) == {"paused"}
    assert (
        'value="resume"' in boss.get(page).content.decode() and 'value="pause"' not in boss.get(page).content.decode()
    )
    boss.post(page, {"action": "resume"})
    assert b"Remove 1 job?" in boss.post(page, {"action": "remove"}).content
    boss.post(page, {"action": "remove", "confirmed": "yes"})
    assert set(states().values()) == {"removed"}
    assert 'value="run_now"' not in boss.get(page).content.decode()


def test_an_unknown_action_and_a_forged_id_do_nothing_and_say_so(boss: Client) -> None:
    make_job("a")
    assert messages_of(boss.post(JOBS + "a/change/", {"action": "delete_all"}, follow=True)) == [
        "Nothing was done: no such action."
    ]
    assert "no job can have" in messages_of(do(boss, "pause", "a\x00"))[0]
    do(boss, "pause", "no-such-job")
    assert "There is no job" in messages_of(boss.get(JOBS + "gone_00/change/", follow=True))[0]
    assert states() == {"a": "scheduled"}


def test_each_action_is_in_the_history_of_its_job(boss: Client) -> None:
    make_job("a")
    do(boss, "pause", "a")
    do(boss, "resume", "a")
    assert [(entry.object_id, entry.get_change_message()) for entry in LogEntry.objects.order_by("pk")] == [
        ("a", "Changed state: scheduled → paused."),
        ("a", "Changed state: paused → scheduled."),
    ]
    assert "State scheduled → changed to paused" in text_of(boss.get(JOBS + "a/history/"))
