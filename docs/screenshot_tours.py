"""Which screens `make screenshots` takes, scene by scene."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from docs.screenshot_camera import Camera

HOME = "/admin/"
DASHBOARD = "/admin/scheduler/"
JOBS = "/admin/scheduler/scheduledtask/"
RUNS = "/admin/scheduler/taskrun/"
UPCOMING = f"{JOBS}upcoming/"
WORKERS = "/admin/scheduler/serviceprocess/"
BULK = "/admin/scheduler/bulkaction/"
RETENTION = "/admin/scheduler/retentionrule/"
PARTS = ("overview", "runs", "timeline", "upcoming", "durations", "calendar")
ON_A_RUN = re.compile(rf"{RUNS}[0-9a-f-]{{36}}/change/$")
expect.set_options(timeout=60_000)


def nothing(camera: Camera) -> None:
    """What somebody sees who has just begun."""
    lists(camera)
    camera.take("add", f"{JOBS}add/")


def lists(camera: Camera) -> None:
    """The pages that every scene has."""
    screens = {"index": HOME, "dashboard": DASHBOARD, "jobs": JOBS, "runs": RUNS, "upcoming": UPCOMING,
               "workers": WORKERS, "bulk-actions": BULK, "retention": RETENTION}  # fmt: skip
    for name, path in screens.items():
        camera.take(name, path)


def some(camera: Camera) -> None:
    """Everything, with a scheduler and a worker at work."""
    page = camera.page
    running = run(page, "sleep-with-progress", {"seconds": "900", "steps": "300"}, "running")
    failed = run(page, "fail-sometimes", {"chance": "1"}, "failure")
    finished = run(page, "print-time", {}, "success")
    page.goto(running)
    expect(page.locator(".sched-progress").first).to_be_visible()
    override(page, "backup-database")
    camera.show("jobs", JOBS, "light")
    camera.show("dashboard", DASHBOARD, "dark")
    camera.show("run", failed, "light", lambda p: p.locator("summary", has_text="Traceback").click())
    lists(camera)
    for part in PARTS:
        camera.take(f"job-{part}", f"{JOBS}sleep-with-progress/change/?tab={part}")
    camera.take("job-changed", f"{JOBS}backup-database/change/")
    camera.take("add", f"{JOBS}add/?task=tasks.check_http", weekly)
    camera.take("add-faults", f"{JOBS}add/?task=tasks.check_http", fail)
    camera.take("edit", f"{JOBS}backup-database/edit/")
    camera.take("edit-policies", f"{JOBS}report-week/edit/", unfold)
    for name, path in {"running": running, "failed": failed, "finished": finished}.items():
        camera.take(f"run-{name}", path)
    camera.take("run-now", f"{JOBS}check-shop/run/")
    camera.take("run-again", failed.replace("change/", "again/"))
    camera.take("runs-failed", f"{RUNS}?state=failed&within=30d")
    camera.take("runs-no-match", f"{RUNS}?q=nothing-is-called-so")
    camera.take("jobs-paused", f"{JOBS}?state=paused")
    camera.take("jobs-no-match", f"{JOBS}?q=nothing-is-called-so")
    camera.take("filter-open", RUNS, lambda p: p.locator(".sched-filter summary", has_text="Scheduled").click())
    page.goto(f"{JOBS}?tag=checks")
    ask(page, "Pause the selected jobs")
    camera.take("confirm")
    page.goto(f"{RUNS}?state=failed&within=30d")
    ask(page, "Run the selected runs again")
    camera.take("confirm-runs")
    page.goto(running)
    press(page, "Cancel")
    camera.take("history", f"{JOBS}backup-database/history/")


def many(camera: Camera) -> None:
    """What grows with the number of rows."""
    page = camera.page
    lists(camera)
    page.goto(RUNS)
    job = page.locator("#result_list .field-job_cell a").first.get_attribute("href") or ""
    for part in ("overview", "timeline", "durations", "calendar"):
        camera.take(f"job-{part}", f"{job}?tab={part}")
    camera.take("jobs-broken", f"{JOBS}?trouble=broken")
    page.goto(f"{JOBS}?tag=critical")
    ask(page, "Pause the selected jobs")
    camera.take("confirm")
    page.goto(BULK)
    page.locator("#result_list tbody a").first.click()
    camera.take("bulk-progress")


# -- what a person does on the way -----------------------------------------------------------------------------------


def run(page: Page, job_id: str, arguments: dict[str, str], state: str) -> str:
    """Run a job with other arguments, wait for a state, and return the address of the run."""
    page.goto(f"{JOBS}{job_id}/run/")
    for name, value in arguments.items():
        page.get_by_label(name, exact=True).fill(value)
    page.get_by_label("Note").fill("To have a look at it")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(ON_A_RUN)
    expect(page.locator(".sched-lead .sched-badge")).to_have_text(state)
    return page.url


def override(page: Page, job_id: str) -> None:
    """Change what the code says of a job."""
    page.goto(f"{JOBS}{job_id}/edit/")
    page.get_by_label("Description").fill("Backs up the database every Sunday night, before the week's reports.")
    page.get_by_label("keep", exact=True).fill("14")
    press(page, "Save")
    page.locator(".messagelist").wait_for()


def weekly(page: Page) -> None:
    """Fill in a schedule, and wait for its preview."""
    page.get_by_label("url", exact=True).fill("https://shop.example.org/health")
    page.locator(".sched-schedule > .sched-field").first.get_by_label("Weekly", exact=True).check()
    page.get_by_role("combobox", name="Time zone").fill("Europe/Berlin")
    expect(page.locator("#sched-preview")).to_contain_text("in the time zone Europe/Berlin")


def fail(page: Page) -> None:
    """Send a form that lacks something."""
    press(page, "Add job")
    page.locator(".sched-faults").wait_for()


def unfold(page: Page) -> None:
    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).first.click()


def ask(page: Page, action: str) -> None:
    """Choose an action on all that match, and wait for the question."""
    page.locator("input[name=select_across]").check()
    page.get_by_label("Action:").select_option(label=action)
    press(page, "Go")
    page.locator("input[name=confirmed]").wait_for(state="attached")
