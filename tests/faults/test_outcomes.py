"""Outcomes and arguments that no database or page wants: huge, binary, hostile, endless. Always an end, cut."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, override_settings

from scheduler import add_job, clock, conf
from scheduler.exceptions import InvalidInput
from scheduler.models import ScheduledTask, State, TaskRun
from scheduler.texts import EXCEPTION_CHARS
from tests.faults.site import Site
from tests.faults.test_hurtful_tasks import add_once
from tests.waiting import wait_for

TEXTS = ["long", "nul", "ansi", "script", "surrogate"]
STRANGE = ["huge", "deep", "endless", "set", "object", "bytes", "nan", "number as key"]


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.short
def test_whatever_a_task_raises_or_returns_its_run_ends_and_is_cut_and_escaped(site: Site) -> None:
    site.start_schedulers(1)
    site.start_workers(1)
    begin = clock.now().replace(microsecond=0) + timedelta(seconds=3)
    for kind in TEXTS:
        add_once(site, f"fails-{kind}", "fail_with", begin, args=[kind])
        add_once(site, f"returns-{kind}", "return_text", begin, args=[kind])
    for kind in STRANGE:
        add_once(site, f"strange-{kind}", "return_strange", begin, args=[kind])
    site.report.faults = len(site.planned)
    site.wait_for_the_end()
    site.check(all_succeed=False)
    for run in TaskRun.objects.select_related("execution"):
        assert run.state == (State.FAILURE if run.job_id.startswith("fails") else State.SUCCESS), run.exception
        assert len(run.exception) <= EXCEPTION_CHARS
        assert len(run.traceback) <= conf.get("MAX_TRACEBACK_CHARS")
        assert len(json.dumps(run.result)) <= conf.get("MAX_RESULT_BYTES")
        assert run.execution is not None and len(run.execution.exception or "") <= 1_000
        stored = f"{run.exception}{run.traceback}{run.result}{run.execution.exception}{run.execution.traceback}"
        assert "\x00" not in stored
        stored.encode()
    assert "RuntimeError: a" in TaskRun.objects.get(job_id="fails-nul").exception
    check_pages()


def check_pages() -> None:
    """Check that no page hands a task's text to the browser as anything but text."""
    User.objects.filter(username="boss").delete()
    User.objects.create_superuser("boss", password="boss")
    with override_settings(SECURE_SSL_REDIRECT=False):
        client = Client()
        assert client.login(username="boss", password="boss")
        pages = [f"{run.id}/change/" for run in TaskRun.objects.all()]
        for page in ["", *pages]:
            response = client.get(f"/admin/scheduler/taskrun/{page}")
            assert response.status_code == 200, page
            html = response.content.decode()
            assert "<script>alert" not in html, page
            assert "\x1b" not in html, page
            assert len(html) < 500_000, f"{page} has {len(html)} characters"
    User.objects.all().delete()


def test_arguments_nested_too_deeply_are_refused_at_the_door(site: Site) -> None:
    for value in (nested(10_000), "x" * 100_000, "a\x00b", "a\ud800b", float("nan"), {1, 2}):
        with pytest.raises(InvalidInput):
            add_job("tests.app.fault_tasks.take", "interval", hours=1, id="deep", args=[value])
    assert not ScheduledTask.objects.exists()


def test_arguments_that_somebody_stored_too_deep_cost_only_their_own_job(site: Site) -> None:
    """Written past `add_job`, by hand: the JSON reader gives up on them, in the pass and in every list."""
    site.start_workers(1)
    site.add_jobs(3, lasting=15, begin=3)
    begin = clock.now() + timedelta(seconds=4)
    add_job("tests.app.fault_tasks.take", "date", id="deep", run_date=begin, args=[1])
    depth = 999 if connection.vendor == "sqlite" else 5_000  # SQLite's own JSON ends at 1,000
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE {ScheduledTask._meta.db_table} SET args = %s WHERE job_id = 'deep'", ["[" * depth + "]" * depth]
        )
    site.report.faults = 1
    site.start_schedulers(1)
    wait_for(
        lambda: ScheduledTask.objects.defer("args").get(job_id="deep").broken_reason, what="the job to be set aside",
        timeout=20,
    )  # fmt: skip
    site.wait_for_the_end()
    site.check()
