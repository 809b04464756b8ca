"""Pages that keep themselves fresh: what a refresh is answered."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client

from scheduler import clock
from scheduler.models import State

from .pages import JOBS, RUNS, make_job, make_run

REFRESH = {"X-Scheduler-Refresh": "yes"}


def test_a_refresh_gets_the_live_part_alone_and_an_etag(boss: Client) -> None:
    make_run("a")
    answer = boss.get(RUNS, headers=REFRESH)
    assert b"<html" not in answer.content and b"sched-part" in answer.content
    assert answer["ETag"] and answer["Vary"] == "X-Scheduler-Refresh, Accept-Language, Cookie"


def test_nothing_new_is_answered_with_304_though_time_has_passed(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    make_job("a")
    make_run("a", State.RUNNING, ago=30)
    for page in (RUNS, JOBS):
        etag = boss.get(page, headers=REFRESH)["ETag"]
        with monkeypatch.context() as later:
            now = clock.now() + timedelta(seconds=7)
            later.setattr(clock, "now", lambda now=now: now)
            again = boss.get(page, headers={**REFRESH, "If-None-Match": etag})
        assert (again.status_code, again.content) == (304, b"")


def test_a_run_that_ended_is_news(boss: Client) -> None:
    run = make_run("a", State.RUNNING, ago=30)
    etag = boss.get(RUNS, headers=REFRESH)["ETag"]
    type(run).objects.filter(pk=run.pk).update(state=State.SUCCESS, finished_at=clock.now())
    again = boss.get(RUNS, headers={**REFRESH, "If-None-Match": etag})
    assert again.status_code == 200 and b"success" in again.content
