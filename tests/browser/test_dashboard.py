"""The dashboard, Upcoming, and workers and queues as people see them: alive without a reload, and free of barriers."""

from __future__ import annotations

import os
import re
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from scheduler import add_job, clock, run_job
from scheduler.models import HourTally, ServiceProcess, State
from tests.runs import wait_for_runs
from tests.unit.admin.pages import DASHBOARD, PROCESSES, UPCOMING, make_job, make_process, make_run
from tests.waiting import wait_for

from .barriers import barriers
from .conftest import CHROMIUM, MISSING, Open

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

TASKS = "tests.app.tasks."
expect.set_options(timeout=20_000)


def figure(page: Page, title: str) -> str:
    """Return a figure of the dashboard by its title."""
    return page.locator(".sched-tile").filter(has_text=title).locator("strong").inner_text()


def test_a_run_appears_on_the_dashboard_ticks_and_goes_without_a_reload(open_as: Open) -> None:
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id="long", args=[60, 120])
    run = run_job("long")
    wait_for_runs("long", state=State.RUNNING, progress__isnull=False)
    page = open_as("operator", DASHBOARD)
    page.evaluate("window.marked = true")
    card = page.locator(".sched-card").filter(has=page.get_by_role("heading", name="Running now"))
    elapsed = card.locator(".sched-elapsed")
    expect(card.locator("progress")).to_be_visible()
    before = elapsed.inner_text()
    wait_for(lambda: elapsed.inner_text() != before, what="the time to go on")
    assert figure(page, "Running") == "1"
    card.get_by_role("link", name="long").click()
    page.get_by_role("button", name="Cancel").click()
    page.goto(DASHBOARD)
    page.evaluate("window.marked = true")
    expect(page.get_by_text("Nothing runs at the moment.")).to_be_visible()
    assert page.evaluate("window.marked") is True
    run.refresh_from_db()
    assert run.state == State.CANCELLED


def test_the_list_of_processes_stays_as_long_as_it_is_when_it_refreshes_itself(open_as: Open) -> None:
    for name in ("gone", "gone-before"):
        make_process(name, stopped=True)
    page = open_as("operator", PROCESSES)
    rows, beat = page.locator("#result_list tbody tr"), page.locator("#result_list time").first
    wait_for(lambda: rows.count() == ServiceProcess.objects.count(), what="all processes to be shown")
    count, seen = rows.count(), set()

    def heard_twice() -> bool:
        page.evaluate("document.dispatchEvent(new CustomEvent('sched:refresh'))")
        seen.add(beat.get_attribute("datetime"))
        return len(seen) > 2

    wait_for(heard_twice, what="two heartbeats to be shown")
    assert rows.count() == count


def test_an_hour_of_the_table_leads_to_what_is_due_then(open_as: Open) -> None:
    due = (clock.now() + timedelta(days=2)).replace(minute=10, second=0, microsecond=0)
    make_job("then", trigger={"type": "date", "run_date": due.isoformat()}, due=due)
    make_job("other")
    page = open_as("viewer", UPCOMING, timezone_id="UTC")
    page.goto(UPCOMING)  # the first page of a browser is made before it could say where it is
    link = page.locator(f'.sched-heat a[href="?hour={due:%Y-%m-%dT%H}00Z"]')
    expect(link).to_have_text(re.compile(r"^\d+$"))
    link.click()
    expect(page.locator(".sched-agenda")).to_contain_text("then")
    expect(page.locator(".sched-heat a[aria-current]")).to_have_count(1)


def test_no_page_has_barriers_that_axe_finds_in_light_or_dark_filled_or_empty(open_as: Open) -> None:
    page = open_as("operator", DASHBOARD)
    found: list[Any] = []

    def look() -> None:
        for path in (DASHBOARD, UPCOMING, PROCESSES, "/admin/"):
            page.goto(path)
            page.locator(".sched-tiles, .sched-heat, .sched-empty, .sched-queues").first.wait_for()
            for fold in page.locator("details:not(.sched-filter) > summary").all():
                if fold.is_visible():
                    fold.click()
            found.extend(barriers(page))

    look()
    this = clock.now().replace(minute=0, second=0, microsecond=0)
    try:
        for back, state in enumerate(State):
            hour = this - timedelta(hours=back)  # which the engine counts as well
            HourTally.objects.update_or_create(hour=hour, state=state, defaults={"count": 3 * back + 1})
        make_job("nightly", trigger={"type": "cron", "hour": 2}, queue="nobody", due=clock.now() + timedelta(hours=5))
        make_job("often", trigger={"type": "cron", "minute": "*"}, broken_reason="")
        make_job("late", due=clock.now() - timedelta(days=1), paused_at=clock.now())
        make_job("broken", broken_reason="Its task is not known.", finished=True)
        make_run("nightly", State.FAILURE, exception="ValueError: no", ago=5000)
        add_job(TASKS + "nap_with_progress", "interval", hours=1, id="long", args=[60, 120])
        run_job("long")
        wait_for_runs("long", state=State.RUNNING, progress__isnull=False)
        look()
    finally:
        HourTally.objects.all().delete()
    assert found == []
