"""A person's whole day at the console, from the first login to last night's failure, over 100,000 runs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import User
from playwright.sync_api import Page, expect

from scheduler import add_job
from scheduler.dev.login import ensure_login
from scheduler.lookup import get_job
from scheduler.models import ScheduledTask, State, TaskRun
from scheduler.schedules import restore_trigger
from scheduler.triggers import describe
from tests.runs import runs_of, wait_for_end, wait_for_runs
from tests.unit.admin.pages import JOBS, RUNS

from .conftest import CHROMIUM, MISSING, NOBODY, Open, log_in
from .history import GROUP, HISTORY, take_out_history, write_history

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

TASKS = "tests.app.tasks."
ON_A_RUN = re.compile(rf"{RUNS}[0-9a-f-]{{36}}/change/$")
expect.set_options(timeout=20_000)


@pytest.fixture
def last_night(database: None) -> Iterator[datetime]:
    """Very many runs; the value says when the night began in which one of them failed."""
    yield write_history()
    take_out_history()


@pytest.fixture
def password(people: None, database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The password that `make run` prints the first time."""
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"DJANGO_SUPERUSER_{name}", raising=False)
    found = re.fullmatch(r"Login: admin, password: (\S+) \(shown only this once\)", ensure_login())
    assert found is not None
    yield found[1]
    User.objects.filter(username="admin").delete()


def test_a_persons_day(open_as: Open, password: str, last_night: datetime) -> None:
    add_job(TASKS + "log_in", "interval", hours=1, id="sync", kwargs={"user": "nobody", "password": "tr0mbone"})
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id="long", args=[60, 120])
    page = open_as(NOBODY, "/", timezone_id="UTC")
    log_in(page, "admin", password)
    creates_a_job(page)
    watches_it_run(page)
    mends_a_failing_one(page)
    runs_it_again_otherwise(page)
    cancels_a_long_one(page)
    pauses_a_group(page)
    finds_the_failure(page, last_night)
    is_only_shown_it(open_as("viewer", page.url, timezone_id="UTC"))


def go(page: Page, name: str) -> None:
    """Go to one of the console's pages by the line of links on top."""
    page.get_by_role("navigation", name="Scheduler", exact=True).get_by_role("link", name=name, exact=True).click()


def becomes(page: Page, state: str) -> None:
    """Wait until the page of a run says so, without having been loaded anew."""
    page.evaluate("window.marked = true")
    expect(page.locator(".sched-lead .sched-badge")).to_have_text(state)
    assert page.evaluate("window.marked") is True


def creates_a_job(page: Page) -> None:
    page.get_by_role("link", name="Scheduler", exact=True).first.click()
    go(page, "Jobs")
    page.get_by_role("link", name="Add job").first.click()
    page.get_by_label("Filter the tasks").fill("counts in its log")
    page.locator(".sched-tasks label:visible").click()
    expect(page.get_by_label("steps", exact=True)).to_be_visible()
    page.get_by_role("textbox", name="Id", exact=True).fill("counter")
    page.locator(".sched-schedule").get_by_label("Daily", exact=True).check()
    page.locator("[name=schedule-time]").fill("07:15")
    expect(page.locator("#sched-preview .sched-words")).to_have_text("every day at 07:15")
    page.get_by_role("button", name="Add job").click()
    expect(page.locator(".sched-faults")).to_contain_text("steps")
    assert not ScheduledTask.objects.filter(pk="counter").exists()
    page.get_by_label("steps", exact=True).fill("40")
    page.get_by_role("button", name="Add job").click()
    expect(page.locator(".messagelist")).to_contain_text("Added the job “counter”.")
    job = get_job("counter")
    assert (job.task, job.args, job.kwargs) == (TASKS + "count_aloud", [], {"steps": 40})
    assert describe(restore_trigger(job)) == "every day at 07:15"


def watches_it_run(page: Page) -> None:
    page.get_by_role("button", name="Run now").click()
    page.wait_for_url(ON_A_RUN)
    expect(page.locator(".messagelist")).to_have_text("Asked for a run of 1 job.")
    becomes(page, "running")
    log, lines = page.get_by_role("log"), page.get_by_role("log").locator(".run-line")
    expect(lines.first).to_contain_text("step 1")
    assert lines.count() < 41  # it is read while it is written
    expect(page.locator(".sched-progress")).to_contain_text("/ 40")
    becomes(page, "success")
    expect(log).to_contain_text("counted enough")
    expect(page.locator("#run-result")).to_have_text('"counted to 40"')
    expect(page.locator(".sched-journey .sched-step")).to_have_text(["Due", "Pending", "Queued", "Running", "Finished"])
    [run] = runs_of("counter")
    assert str(run.pk) in page.url and run.requested_by == "admin"


def mends_a_failing_one(page: Page) -> None:
    go(page, "Jobs")
    page.get_by_role("searchbox", name="Search").fill("sync")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("link", name="sync", exact=True).click()
    page.get_by_role("button", name="Run now").click()
    becomes(page, "failure")
    go(page, "Dashboard")
    failed = page.locator(".sched-card").filter(has=page.get_by_role("heading", name="Failed last"))
    expect(failed.locator("tbody tr").first).to_contain_text("PermissionError")
    failed.get_by_role("link", name="sync", exact=True).click()
    expect(page.locator("#run-exception")).to_contain_text("PermissionError: ")
    expect(page.get_by_role("log")).to_contain_text("nobody logs in with")
    page.locator(".sched-lead").get_by_role("link", name="sync", exact=True).click()
    page.get_by_role("link", name="Edit", exact=True).click()
    page.get_by_label("user", exact=True).fill("ann")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".messagelist")).to_contain_text("Saved the job “sync”.")
    assert get_job("sync").kwargs == {"user": "ann", "password": "tr0mbone"}
    page.get_by_role("button", name="Run now").click()
    becomes(page, "success")
    assert [run.state for run in runs_of("sync")] == [State.FAILURE, State.SUCCESS]


def runs_it_again_otherwise(page: Page) -> None:
    page.get_by_role("link", name="Run again with changes …").click()
    page.get_by_label("user", exact=True).fill("bob")
    page.get_by_label("Note").fill("for bob, this once")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(ON_A_RUN)
    becomes(page, "success")
    expect(page.locator("#content-main")).to_contain_text("for bob, this once")
    assert "tr0mbone" not in page.content()
    again = runs_of("sync")[-1]
    assert (again.kwargs["user"], again.requested_by, get_job("sync").kwargs["user"]) == ("bob", "admin", "ann")


def cancels_a_long_one(page: Page) -> None:
    page.goto(f"{JOBS}long/change/")
    page.get_by_role("button", name="Run now").click()
    becomes(page, "running")
    [run] = wait_for_runs("long", progress__isnull=False)
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".messagelist")).to_have_text("Asked 1 running run to stop.")
    becomes(page, "cancelled")
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    assert wait_for_end(run).cancel_requested_by == "admin"


def pauses_a_group(page: Page) -> None:
    go(page, "Jobs")
    page.get_by_role("searchbox", name="Search").fill("night-")
    page.get_by_role("button", name="Search").click()
    page.get_by_label(f"all {GROUP} that match").check()
    page.get_by_label("Action:").select_option(label="Pause the selected jobs")
    page.get_by_role("button", name="Go", exact=True).click()
    page.get_by_role("button", name=f"Pause {GROUP} jobs").click()
    expect(page.locator(".messagelist")).to_have_text(f"Paused {GROUP} jobs.")
    paused = ScheduledTask.objects.filter(paused_at__isnull=False).values_list("pk", flat=True)
    assert sorted(paused) == sorted(f"night-{number}" for number in range(GROUP))


def finds_the_failure(page: Page, ten: datetime) -> None:
    assert TaskRun.objects.count() > HISTORY
    go(page, "Runs")
    page.locator(".sched-filter summary", has_text="State").click()
    page.get_by_role("link", name="failed, any way").click()
    page.locator(".sched-filter summary", has_text="Scheduled").click()
    page.get_by_label("From").fill(f"{ten:%Y-%m-%dT%H:%M:%S}")
    page.get_by_label("Up to").fill(f"{ten + timedelta(hours=8):%Y-%m-%dT%H:%M:%S}")
    page.get_by_role("button", name="Show", exact=True).click()
    rows = page.locator("#result_list tbody tr")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("ValueError: row 12 is odd")
    rows.get_by_role("link", name="failure").click()
    expect(page.locator("#run-traceback")).to_contain_text('File "tasks.py", line 48')
    expect(page.get_by_role("button", name="Run again", exact=True)).to_be_visible()


def is_only_shown_it(page: Page) -> None:
    expect(page.locator("#run-traceback")).to_be_visible()
    expect(page.locator("#content-main")).to_contain_text("Logs are for people who may read the logs of runs.")
    expect(page.locator("#content-main")).to_contain_text(
        "Arguments and results are for people who may view arguments."
    )
    run, job = page.url, f"{JOBS}night-7/change/"
    for path in (run, job, JOBS, RUNS):
        page.goto(path)
        expect(page.locator("#content")).to_contain_text("night-")
        assert page.locator("#content-main .sched-buttons button, #content-main [name=action]").count() == 0
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    for path, action in ((run, "run_again"), (job, "run_now"), (job, "resume")):
        headers = {"X-CSRFToken": token, "Referer": page.url}
        assert page.request.post(path, form={"action": action}, headers=headers).status == 403
    assert page.request.get(f"{JOBS}night-7/edit/").status == 403
    assert get_job("night-7").paused_at is not None and len(runs_of("night-7", requested_by="viewer")) == 0
