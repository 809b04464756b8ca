"""Every page under the strictest Content-Security-Policy: scripts by nonce alone, nothing inline, no other host."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Page, expect

from scheduler import add_job, run_job
from scheduler.models import BulkAction, State
from tests.app.strict_policy import ASK
from tests.runs import wait_for_runs
from tests.unit.admin.pages import JOBS, RUNS, make_job, make_run
from tests.unit.admin.test_explain import PAGES

from .conftest import CHROMIUM, MISSING, Open

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

LISTEN = """document.addEventListener('securitypolicyviolation', event => window.toldViolation(
    `${document.location.pathname}: ${event.violatedDirective} ${event.blockedURI} ${event.sourceFile}`))"""
expect.set_options(timeout=20_000)


def strictly(open_as: Open, path: str) -> tuple[Page, list[str]]:
    """Open a page under the policy; return it and the list of what violates the policy from then on."""
    violations: list[str] = []
    page = open_as("boss", path, extra_http_headers={ASK: "yes"})
    page.expose_function("toldViolation", lambda text: violations.append(text))
    page.add_init_script(LISTEN)
    page.reload()
    assert page.evaluate("typeof toldViolation") == "function"
    return page, violations


def test_no_page_violates_a_policy_of_nonces(open_as: Open) -> None:
    make_job("busy", trigger={"type": "cron", "hour": 2})
    make_job("job")
    runs = [make_run("busy", State.FAILURE if number % 3 else State.SUCCESS, ago=600.0 * number) for number in range(9)]
    bulk = BulkAction.objects.create(
        action="pause", total=3, done=2, refused=1, refusals=[["job", "no"]], requested_by="me"
    )
    places = {"busy": "busy", "job": "job", "run": str(runs[0].pk)}
    page, violations = strictly(open_as, "/admin/")
    shapes = [path for path in PAGES if "?" not in path or path.startswith(JOBS + "{busy}")]
    paths = [*(path.format(**places) for path in shapes), JOBS + "add/",
             f"{RUNS}{runs[0].pk}/again/", f"/admin/scheduler/bulkaction/{bulk.pk}/change/"]  # fmt: skip
    seen = set()
    for path in paths:
        answer = page.goto(path)
        assert answer is not None
        policy = re.sub(r"nonce-[\w-]+", "nonce", answer.headers["content-security-policy"])
        seen.add((answer.status, policy.split("; ")[1]))
        page.wait_for_load_state()
        if path != "/admin/":
            page.locator(".sched-keys-open").wait_for()  # shown by a script
    assert seen == {(200, "script-src 'nonce'")} and len(paths) > 15
    assert violations == []


def test_live_parts_dialogs_previews_and_charts_work_under_it(open_as: Open) -> None:
    add_job("tests.app.tasks.count_aloud", "interval", hours=1, id="counter", args=[40, 0.5])
    for number in range(20):
        make_run("counter", ago=600.0 * number + 60, took=3.0 + number)
    page, violations = strictly(open_as, f"{JOBS}counter/change/")
    run = run_job("counter")
    wait_for_runs("counter", state=State.RUNNING)
    page.goto(f"{RUNS}{run.pk}/change/")
    page.evaluate("window.marked = true")
    expect(page.get_by_role("log")).to_contain_text("step 3")
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".sched-lead .sched-badge")).to_have_text("cancelled")
    page.keyboard.press("?")
    expect(page.locator("dialog#sched-keys")).to_be_visible()
    page.keyboard.press("Escape")
    page.goto(f"{JOBS}counter/change/?tab=durations")
    expect(page.locator("#job-durations canvas")).to_be_visible()
    form, more = strictly(open_as, JOBS + "add/")
    form.get_by_label("Filter the tasks").fill("say hello")
    form.get_by_role("radio", name=re.compile("greet")).check()
    expect(form.get_by_label("name", exact=True)).to_be_visible()
    form.locator(".sched-schedule > .sched-field").first.get_by_label("Weekly", exact=True).check()
    expect(form.locator("#sched-preview .sched-words")).to_have_text("Monday to Friday at 06:00")
    assert violations + more == []
