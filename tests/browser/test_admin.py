"""The admin as people see it: pages that stay fresh while runs go on, and buttons that do what they say."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from scheduler import add_job, clock, run_job
from scheduler.lookup import get_job, state_of
from scheduler.models import State, TaskRun
from tests.runs import runs_of, wait_for_runs
from tests.unit.admin.pages import JOBS, RUNS
from tests.waiting import stays_true, wait_for

from .conftest import CHROMIUM, MISSING, Open

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

TASKS = "tests.app.tasks."
expect.set_options(timeout=20_000)


def run_of_a_minute(job_id: str = "long") -> TaskRun:
    """Start a run that tells its progress, and wait until it has done so."""
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id=job_id, args=[60, 120])
    run = run_job(job_id)
    wait_for_runs(job_id, state=State.RUNNING, progress__isnull=False)
    return run


def row_of(page: Page, job_id: str) -> Locator:
    return page.locator("#result_list tbody tr").filter(has_text=job_id)


def badge_of(part: Locator) -> Locator:
    return part.locator(".sched-badge").first


def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe out."""
    page.evaluate("window.marked = true")


def was_reloaded(page: Page) -> bool:
    return page.evaluate("window.marked") is not True


def number_in(part: Locator) -> float:
    return float(re.findall(r"[\d.]+", part.inner_text())[0])


def is_green(part: Locator) -> bool:
    color = part.evaluate("element => getComputedStyle(element).color")
    red, green, blue = (float(number) for number in re.findall(r"[\d.]+", color)[:3])
    return green > red and green > blue


def test_a_firing_appears_and_turns_green_with_its_duration_without_a_reload(open_as: Open) -> None:
    run_of_a_minute()  # a page on which something goes on looks again every two seconds
    page = open_as("operator", "/admin/")
    page.locator("#content-main").get_by_role("link", name="Runs").click()
    expect(badge_of(row_of(page, "long"))).to_have_text("running")
    mark(page)
    add_job(TASKS + "nap", "interval", minutes=1, id="pulse", args=[3], next_run_time=clock.now())
    row = row_of(page, "pulse")
    expect(badge_of(row)).to_have_text("running")
    assert not is_green(badge_of(row))
    expect(badge_of(row)).to_have_text("success")
    assert is_green(badge_of(row))
    expect(row.locator(".field-length")).to_have_text(re.compile(r"^3\.\d s$"))
    expect(row.locator(".field-worker_cell")).to_have_text(re.compile("default-"))
    assert not was_reloaded(page)


def test_a_running_run_shows_its_elapsed_time_and_its_progress(open_as: Open) -> None:
    run = run_of_a_minute()
    of_list = open_as("operator", RUNS)
    of_run = open_as("operator", f"{RUNS}{run.pk}/change/")
    for page, length in ((of_list, ".field-length .sched-elapsed"), (of_run, ".sched-lead strong")):
        mark(page)
        elapsed, bar = page.locator(length), page.locator("progress")
        expect(page.locator(".sched-progress")).to_have_text(re.compile(r"\d+ / 120 · step \d+"))
        expect(elapsed).to_have_text(re.compile(r"^[\d.]+ s"))
        before = number_in(elapsed), float(bar.get_attribute("value") or 0)
        wait_for(lambda e=elapsed, b=before: number_in(e) > b[0], what="the time to go on")
        wait_for(lambda p=bar, b=before: float(p.get_attribute("value") or 0) > b[1], what="progress")
        assert not was_reloaded(page)


def test_a_job_is_paused_and_resumed_from_the_list(open_as: Open) -> None:
    add_job(TASKS + "add", "interval", seconds=1, id="pulse", args=[1])
    add_job(TASKS + "add", "interval", hours=1, id="other", args=[1])
    wait_for_runs("pulse", state=State.SUCCESS)
    page = open_as("operator", JOBS)

    def choose(action: str) -> None:
        row_of(page, "pulse").locator("input.action-select").check()
        page.get_by_label("Action:").select_option(label=action)
        page.get_by_role("button", name=re.compile("^(Go|Run)$")).click()

    choose("Pause the selected jobs")
    expect(page.locator(".messagelist")).to_have_text("Paused 1 job.")
    expect(badge_of(row_of(page, "pulse"))).to_have_text("paused")
    expect(badge_of(row_of(page, "other"))).to_have_text("scheduled")
    assert (state_of(get_job("pulse")), state_of(get_job("other"))) == ("paused", "scheduled")
    fired = len(runs_of("pulse"))
    stays_true(lambda: len(runs_of("pulse")) == fired, seconds=2.2, what="no firing of a paused job")
    choose("Resume the selected jobs")
    expect(page.locator(".messagelist")).to_have_text("Resumed 1 job.")
    expect(badge_of(row_of(page, "pulse"))).to_have_text("scheduled")
    wait_for_runs("pulse", fired + 1)


def test_whoever_may_only_look_sees_no_buttons_and_is_refused(open_as: Open) -> None:
    run = run_of_a_minute()
    of_job, of_run = f"{JOBS}long/change/", f"{RUNS}{run.pk}/change/"
    page = open_as("viewer", JOBS)
    for path in (JOBS, RUNS, of_job, of_run):
        page.goto(path)
        expect(page.locator("#sched-live")).to_contain_text("long")
        assert page.locator("#content-main .sched-buttons button, #content-main input[type=checkbox]").count() == 0
        assert page.locator("#content-main select[name=action]").count() == 0
    token = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "csrftoken")
    wanted = {
        JOBS: ["run_now", "pause", "resume", "remove"],
        of_job: ["run_now", "pause", "resume", "remove"],
        RUNS: ["cancel", "run_again"],
        of_run: ["cancel", "run_again"],
    }
    for path, actions in wanted.items():
        selected = "long" if path == JOBS else str(run.pk)
        for action in actions:
            answer = page.request.post(
                path,
                form={"action": action, "_selected_action": selected, "index": 0, "confirmed": "yes"},
                headers={"X-CSRFToken": token, "Referer": page.url},
            )
            assert (answer.status, path, action) == (403, path, action)
            assert "CSRF" not in answer.text()
    assert state_of(get_job("long")) == "scheduled"
    assert [run.cancel_requested_at for run in runs_of("long")] == [None]
