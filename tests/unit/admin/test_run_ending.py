"""Cancelling in steps: asked first, then ended at once after a question that says what will be lost."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduler import clock
from scheduler.models import ServiceProcess, State, TaskRun

from .pages import RUNS, make_job, make_run, messages_of, text_of


def page_of(run: TaskRun) -> str:
    return f"{RUNS}{run.pk}/change/"


def question(run: TaskRun) -> str:
    return f"{RUNS}{run.pk}/terminate/"


@pytest.fixture
def run(db: None) -> TaskRun:
    make_job("a")
    now = clock.now()
    process = ServiceProcess.objects.create(
        kind="worker", name="w@host", host="h", pid=1, started_at=now, heartbeat_at=now - timedelta(seconds=1)
    )
    return make_run("a", State.RUNNING, process=process.pk, pid=77, progress={"current": 3, "total": 12, "text": "<p>"})


def test_a_running_run_is_first_asked_and_only_then_offered_to_be_ended(
    boss: Client, run: TaskRun, settings: Any
) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "CANCEL_GRACE": 200}
    assert f'href="{question(run)}"' not in boss.get(page_of(run)).content.decode()
    boss.post(page_of(run), {"action": "cancel"})
    page = boss.get(page_of(run))
    assert f'href="{question(run)}"' in page.content.decode() and 'value="cancel"' not in page.content.decode()
    assert "user-0 asked it to stop" in text_of(page) and "otherwise its worker ends it in 3 min" in text_of(page)


def test_the_question_names_the_worker_and_what_will_be_lost(boss: Client, run: TaskRun) -> None:
    text = text_of(boss.get(question(run)))
    for words in ("worker worker@host , process 77, in attempt 1", "last heard of 1 s ago", "3 / 12 · &lt;p&gt;",
                  "half done", "Nobody has asked it to stop yet"):  # fmt: skip
        assert words in text, words
    run.refresh_from_db()
    assert run.terminate_requested_at is None


def test_a_worker_that_is_not_heard_of_is_told(boss: Client, run: TaskRun) -> None:
    ServiceProcess.objects.update(heartbeat_at=clock.now() - timedelta(seconds=30))
    assert "A worker that is not heard of can’t be told" in text_of(boss.get(question(run)))


def test_the_answer_asks_the_worker_to_end_it_and_is_recorded(boss: Client, run: TaskRun) -> None:
    answer = boss.post(question(run), {"attempt": "1"}, follow=True)
    assert answer.redirect_chain[-1][0] == page_of(run)
    assert messages_of(answer) == ["Asked its worker to end it at once."]
    run.refresh_from_db()
    assert run.terminate_requested_at is not None and run.cancel_requested_by == "user-0"
    assert "Its worker was told" in text_of(answer)
    assert [entry.change_message for entry in LogEntry.objects.all()] == ["Termination asked for."]


@pytest.mark.parametrize("attempt", ["", "2", "x", "1 "])
def test_another_attempt_than_the_one_that_was_shown_is_not_ended(boss: Client, run: TaskRun, attempt: str) -> None:
    answer = boss.post(question(run), {"attempt": attempt})
    assert "another attempt has begun" in text_of(answer)
    run.refresh_from_db()
    assert run.terminate_requested_at is run.cancel_requested_at is None


def test_a_run_that_ended_meanwhile_is_left_alone(boss: Client, run: TaskRun) -> None:
    TaskRun.objects.update(state=State.SUCCESS, finished_at=clock.now())
    assert "has ended already" in messages_of(boss.post(question(run), {"attempt": "1"}, follow=True))[0]
    assert "It is not running" in messages_of(boss.get(question(run), follow=True))[0]


def test_a_run_that_waits_is_cancelled_at_once(boss: Client, run: TaskRun) -> None:
    TaskRun.objects.update(state=State.QUEUED)
    assert messages_of(boss.post(question(run), {"attempt": "1"}, follow=True)) == ["Cancelled 1 run."]


def test_a_run_that_there_is_not_is_told(boss: Client) -> None:
    answer: Any = boss.get(f"{RUNS}{uuid.uuid4()}/terminate/", follow=True)
    assert "names no run" in messages_of(answer)[0]
