"""Run now, pause, resume and remove: what they do, what they say, and that nobody does what he may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from scheduler.jobs import state_of
from scheduler.models import ScheduledTask, TaskRun

from .pages import JOBS, make_job, messages_of

NEEDED = {"run_now": "run_job", "pause": "pause_job", "resume": "pause_job", "remove": "delete_scheduledtask"}


def do(client: Client, action: str, *ids: str, **more: str) -> object:
    data = {"action": action, "_selected_action": list(ids), "index": 0, **more}
    return client.post(JOBS, data, follow=True)


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
    assert response.redirect_chain[-1][0] == f"/admin/scheduler/taskrun/{TaskRun.objects.get().pk}/change/"  # type: ignore[attr-defined]


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
    question = do(boss, "remove", "a", "b")
    assert b"Remove 2 jobs" in question.content and b"Alpha" in question.content  # type: ignore[attr-defined]
    assert set(states().values()) == {"scheduled"}
    answer = boss.post(JOBS, {"action": "remove", "_selected_action": ["a", "b"], "confirmed": "yes"}, follow=True)
    assert messages_of(answer) == ["Removed 2 jobs. Their runs stay."]
    assert states() == {"a": "removed", "b": "removed", "c": "scheduled"}


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
    assert "state: scheduled → paused" in boss.get(JOBS + "a/history/").content.decode()
