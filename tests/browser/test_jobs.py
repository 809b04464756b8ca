"""The list of jobs and the page of one in a browser: without barriers, at every width, with a chart that is drawn."""

from __future__ import annotations

import os

import pytest
from django.contrib.admin.utils import quote
from playwright.sync_api import Page, expect

from scheduler import clock
from scheduler.lookup import get_job, state_of
from scheduler.models import TERMINAL, State
from tests.unit.admin.pages import JOBS, make_job, make_run

from .barriers import barriers
from .conftest import CHROMIUM, MISSING, Open

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

NIGHTLY = "reports/nightly"
PARTS = ("overview", "runs", "timeline", "upcoming", "durations", "calendar")


def some_jobs() -> None:
    """Store jobs of several kinds; one has runs in every state, and some that overlap."""
    make_job(
        NIGHTLY, name="Nightly reports", trigger={"type": "cron", "hour": 2}, tags=["reports", "finance"], queue="long"
    )
    make_job("held", paused_at=clock.now(), finished=True, description="Until Monday.")
    make_job("ill", task="no.such.task", broken_reason="No task is named no.such.task.", finished=True)
    for number, state in enumerate(sorted(TERMINAL)):
        make_run(NIGHTLY, State(state), ago=50_000 * number + 60, took=7.0 + number, reason="Because of this.")
    for number in range(40):
        make_run(NIGHTLY, ago=3_000 * number + 100, took=2_000.0 + 90 * number)


def is_too_wide(page: Page) -> bool:
    """Whether a page has to be scrolled sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def test_jobs_have_no_barriers_at_any_width_and_their_durations_are_drawn(open_as: Open) -> None:
    some_jobs()
    page = open_as("operator", JOBS)
    expect(page.locator("#result_list tbody tr")).to_have_count(3)
    found = barriers(page)
    page.goto(f"{JOBS}ill/change/")
    expect(page.locator("#sched-live")).to_contain_text("Set aside, because it can't run")
    found += barriers(page)
    page.goto(JOBS)
    page.locator("select[name=action]").select_option("pause")
    page.get_by_label("all 3 that match").check()
    page.get_by_role("button", name="Go", exact=True).click()
    expect(page.get_by_role("heading", name="Pause 2 jobs?")).to_be_visible()
    found += barriers(page)
    page.get_by_role("button", name="Pause 2 jobs").click()
    expect(page.locator(".messagelist")).to_have_text("Paused 2 jobs.")
    assert state_of(get_job(NIGHTLY)) == "paused"
    too_wide = []
    page.goto(f"{JOBS}{quote(NIGHTLY)}/history/")
    expect(page.locator(".sched-changes")).to_contain_text("operator")
    found += barriers(page)
    page.set_viewport_size({"width": 320, "height": 640})
    if is_too_wide(page):
        too_wide.append("history")
    page.set_viewport_size({"width": 1280, "height": 720})
    for part in PARTS:
        page.goto(f"{JOBS}{quote(NIGHTLY)}/change/")
        page.get_by_role("navigation", name="Parts of this page").get_by_role("link", name=part).click()
        expect(page.locator(".job-parts a[aria-current]")).to_have_text(part.capitalize())
        if part == "durations":
            chart = page.locator("#job-durations canvas")
            expect(chart).to_be_visible()
            ink = "canvas => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.some(v => v)"
            assert chart.evaluate(ink)
            assert page.locator(".u-legend").inner_text().count("p95") == 1
        for table in page.get_by_text("As a table").all():
            table.click()
        found += barriers(page)
        page.set_viewport_size({"width": 320, "height": 640})
        if is_too_wide(page):
            too_wide.append(part)
        page.set_viewport_size({"width": 1280, "height": 720})
    assert found == []
    assert too_wide == []
