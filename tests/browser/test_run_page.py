"""A person's way with one run: start it with arguments, watch it, read its log, run it again otherwise, end it."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from scheduler import add_job, run_job
from scheduler.models import TERMINAL, BulkAction, RunLog, State, TaskRun
from tests.runs import runs_of, wait_for_end, wait_for_runs
from tests.unit.admin.pages import JOBS, RUNS, make_job, make_run
from tests.waiting import wait_for

from .barriers import barriers
from .conftest import CHROMIUM, MISSING, Open

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

TASKS = "tests.app.tasks."
ON_A_RUN = re.compile(rf"{RUNS}[0-9a-f-]{{36}}/change/$")
expect.set_options(timeout=20_000)


def state_of(page: Page) -> Locator:
    return page.locator(".sched-lead .sched-badge")


def log_of(page: Page) -> Locator:
    return page.get_by_role("log")


def mark(page: Page) -> None:
    """Leave a mark that a reload would wipe out."""
    page.evaluate("window.marked = true")


def was_reloaded(page: Page) -> bool:
    return page.evaluate("window.marked") is not True


def distance_to_end(box: Locator) -> float:
    return float(box.evaluate("box => box.scrollHeight - box.scrollTop - box.clientHeight"))


def test_a_run_is_started_watched_read_repeated_otherwise_and_ended(open_as: Open) -> None:
    add_job(TASKS + "count_aloud", "interval", hours=1, id="counter", args=[3])
    page = open_as("operator", f"{JOBS}counter/change/")

    # run it once with other arguments
    page.get_by_role("link", name="Run with changes …").click()
    expect(page.get_by_label("steps")).to_have_value("3")
    page.get_by_label("steps").fill("12")
    page.get_by_label("Note").fill("to see it count")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(ON_A_RUN)
    [first] = runs_of("counter")
    assert (first.args, first.note, first.requested_by) == ([12], "to see it count", "operator")

    # watch it live
    mark(page)
    expect(state_of(page)).to_have_text("running")
    expect(log_of(page)).to_contain_text("step 1")
    expect(page.locator(".sched-progress")).to_contain_text("/ 12")
    expect(state_of(page)).to_have_text("success")
    expect(log_of(page)).to_contain_text("counted enough")
    expect(log_of(page).locator(".run-line")).to_have_count(13)
    expect(log_of(page).locator(".run-warn b")).to_have_text("WARNING")
    expect(page.locator("#run-result")).to_have_text('"counted to 12"')
    assert not was_reloaded(page)

    # take its log home
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    text = download.value.path().read_text()
    assert text.count("\n") == 13 and download.value.suggested_filename == f"run-{first.pk.hex[:12]}.log.txt"

    # run it again, and end it before its time
    page.get_by_role("link", name="Run again with changes …").click()
    expect(page.get_by_label("steps")).to_have_value("12")
    page.get_by_label("steps").fill("500")
    page.get_by_label("seconds").fill("0.4")
    page.get_by_role("button", name="Run", exact=True).dblclick()  # and no second run
    page.wait_for_url(ON_A_RUN)
    expect(state_of(page)).to_have_text("running")
    assert len(runs_of("counter")) == 2
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator(".sched-note.sched-warn")).to_contain_text("operator asked it to stop")
    expect(state_of(page)).to_have_text("cancelled")
    second = wait_for_end(runs_of("counter")[-1])
    assert (second.args, second.kwargs, second.cancel_requested_by) == ([500], {"seconds": 0.4}, "operator")
    page.get_by_role("link", name="Earlier").click()
    expect(page).to_have_url(re.compile(str(first.pk)))


def test_a_task_that_does_not_listen_is_ended_after_a_question_that_names_its_worker(open_as: Open) -> None:
    add_job(TASKS + "nap", "interval", hours=1, id="deaf", args=[60])
    run = run_job("deaf")
    wait_for_runs("deaf", state=State.RUNNING)
    TaskRun.objects.filter(pk=run.pk).update(cancel_requested_by="ann")
    page = open_as("operator", f"{RUNS}{run.pk}/terminate/")
    run.refresh_from_db()
    expect(page.locator("#content-main")).to_contain_text(f"It runs on worker {run.worker}, process {run.pid}")
    page.get_by_role("button", name="End it at once").click()
    page.wait_for_url(ON_A_RUN)
    expect(state_of(page)).to_have_text("cancelled")
    assert "terminated by operator" in wait_for_end(run).reason


def test_very_many_are_run_again_in_the_background_while_the_page_shows_how_far_it_is(open_as: Open) -> None:
    add_job(TASKS + "add", "interval", hours=1, id="many", args=[1], max_instances=500)
    for number in range(120):
        make_run("many", State.FAILURE, ago=number + 60, args=[number])
    page = open_as("operator", f"{RUNS}?job=many&state=failed")
    page.get_by_label("all that match, on every page").check()
    page.get_by_label("Action:").select_option(label="Run the selected runs again")
    page.get_by_role("button", name=re.compile("^(Go|Run)$")).click()
    expect(page.locator("#content-main")).to_contain_text("failure 120")
    page.get_by_role("button", name="Run 120 runs again").click()
    page.wait_for_url(re.compile("/bulkaction/"))
    mark(page)
    expect(page.locator(".sched-progress")).to_contain_text("120 / 120")
    expect(state_of(page)).to_have_text("finished")
    assert not was_reloaded(page)
    again = wait_for_runs("many", 120, state=State.SUCCESS, timeout=40)
    assert sorted(int(run.result or 0) for run in again) == list(range(120))


def lines(run: TaskRun, number: int, count: int) -> None:
    text = "".join(f"2026-12-01T09:00:00.{n:03d}Z INFO     piece {number} line {n}\n" for n in range(count))
    RunLog.objects.create(run=run, number=number, text=text)


def test_the_log_stays_at_its_end_only_for_those_who_are_there(open_as: Open) -> None:
    add_job(TASKS + "nap", "interval", hours=1, id="silent", args=[60])
    run = run_job("silent")
    wait_for_runs("silent", state=State.RUNNING)
    lines(run, 1, 200)
    page = open_as("operator", f"{RUNS}{run.pk}/change/")
    box = log_of(page)
    wait_for(lambda: distance_to_end(box) < 2, what="the log to stand at its end")
    lines(run, 2, 50)
    expect(box).to_contain_text("piece 2 line 49")
    assert distance_to_end(box) < 2
    box.evaluate("box => { box.scrollTop = 40; }")
    lines(run, 3, 50)
    expect(box).to_contain_text("piece 3 line 49")
    assert box.evaluate("box => box.scrollTop") == 40
    expect(box.locator(".run-line")).to_have_count(300)


def test_long_lines_are_wrapped_or_not_as_the_reader_wants_from_then_on(open_as: Open) -> None:
    run = make_run("a")
    RunLog.objects.create(run=run, number=1, text=f"2026-12-01T09:00:00.000Z INFO     {'long ' * 300}\n")
    page = open_as("operator", f"{RUNS}{run.pk}/change/")

    def is_wide() -> bool:
        return bool(log_of(page).evaluate("box => box.scrollWidth > box.clientWidth + 1"))

    assert not is_wide()
    page.get_by_label("wrap long lines").uncheck()
    assert is_wide()
    page.reload()
    expect(page.get_by_label("wrap long lines")).not_to_be_checked()
    assert is_wide()
    page.get_by_label("wrap long lines").check()
    assert not is_wide()


def test_what_stands_on_the_page_is_copied_with_one_click(open_as: Open) -> None:
    make_job("a")
    run = make_run("a", State.FAILURE, exception="ValueError: no", traceback="line 1\nline 2 <b>", args=[1])
    page = open_as("operator", f"{RUNS}{run.pk}/change/", permissions=["clipboard-read", "clipboard-write"])
    for name, text in {
        "traceback": "line 1\nline 2 <b>",
        "exception": "ValueError: no",
        "id": str(run.pk),
        "positional arguments": "[\n  1\n]",
    }.items():
        button = page.get_by_role("button", name=f"Copy: {name}", exact=True)
        button.click()
        expect(button).to_have_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == text
    page.get_by_role("button", name="Copy: link").click()
    expect(page.locator("#run-said")).to_have_text("Copied")
    page.goto(page.evaluate("navigator.clipboard.readText()"))
    expect(page).to_have_url(re.compile(f"{RUNS}{run.pk}/change/"))


def test_without_scripts_the_pages_work_and_offer_nothing_that_does_not(open_as: Open) -> None:
    add_job(TASKS + "add", "interval", hours=1, id="plain", args=[1, 2])
    make_run("plain", State.FAILURE, exception="ValueError: no")
    page = open_as("operator", f"{JOBS}plain/run/", java_script_enabled=False)
    page.get_by_label("a", exact=True).fill("40")
    page.get_by_role("button", name="Run", exact=True).click()
    page.wait_for_url(ON_A_RUN)
    run = wait_for_end(runs_of("plain")[-1])
    page.reload()
    expect(page.locator("#run-result")).to_have_text("42")
    assert run.result == 42
    assert page.locator(".run-copy:visible, #run-wrap:visible").count() == 0
    page.goto(RUNS)
    page.get_by_label("all that match, on every page").check()
    page.get_by_label("Action:").select_option(label="Run the selected runs again")
    page.get_by_role("button", name=re.compile("^(Go|Run)$")).click()
    expect(page.locator("h1").last).to_have_text("Run 2 runs again?")


def test_no_page_of_runs_has_barriers_that_axe_finds_in_light_or_dark(open_as: Open) -> None:
    add_job(TASKS + "nap_with_progress", "interval", hours=1, id="long", args=[60, 120])
    running = run_job("long")
    wait_for_runs("long", state=State.RUNNING, progress__isnull=False)
    waiting = run_job("long")
    failed = make_run(
        "long", State.FAILURE, ago=99, attempt=2, retries=1, exception="ValueError: no", traceback="Traceback …",
        earlier_attempts=[{"attempt": 1, "worker": "w", "reason": "E", "started_at": "2026-12-01T09:00:00+00:00"}],
        kwargs={"a": 1}, result=[1],
    )  # fmt: skip
    for number, state in enumerate(sorted(TERMINAL)):
        make_run("long", State(state), ago=60 * number + 200, reason="Because of this.", exception="ValueError: no")
    levels = ("DEBUG", "INFO", "WARNING", "ERROR", "STDOUT", "STDERR", "NOTE")
    text = "".join(f"2026-12-01T09:00:00.000Z {level:<8} a line\n" for level in levels)
    RunLog.objects.create(run=failed, number=1, text=text)
    queued = make_run("gone", State.QUEUED, ago=60, queue="long")
    bulk = BulkAction.objects.create(action="cancel", total=9, done=3, refused=1, refusals=[[str(failed.pk), "no"]],
                                     requested_by="ann")  # fmt: skip
    page = open_as("operator", RUNS)
    paths = [
        *(f"{RUNS}{run.pk}/change/" for run in (running, waiting, failed, queued)),
        f"{RUNS}{running.pk}/terminate/", f"{RUNS}{failed.pk}/again/", f"{JOBS}long/run/",
        "/admin/scheduler/bulkaction/", f"/admin/scheduler/bulkaction/{bulk.pk}/change/", f"{RUNS}?from=no",
    ]  # fmt: skip
    found: list[Any] = []
    for path in paths:
        page.goto(path)
        found += barriers(page)
    page.goto(RUNS)
    page.get_by_label("all that match, on every page").check()
    page.get_by_label("Action:").select_option(label="Cancel the selected runs")
    page.get_by_role("button", name=re.compile("^(Go|Run)$")).click()
    found += barriers(page, "the question")
    assert found == []


def test_the_pages_of_runs_fit_into_every_width(open_as: Open) -> None:
    make_job("a", name="A job with a name that is longer than any phone is wide")
    run = make_run(
        "a", State.FAILURE, traceback="x" * 500, exception="y" * 300, kwargs={"key": "z" * 300}, worker="w" * 100,
        attempt=2, earlier_attempts=[{"attempt": 1, "worker": "w" * 100, "reason": "r" * 300}],
    )  # fmt: skip
    RunLog.objects.create(run=run, number=1, text=f"2026-12-01T09:00:00.000Z INFO     {'l' * 900}\n")
    page = open_as("operator", RUNS)
    for path in (RUNS, f"{RUNS}{run.pk}/change/", f"{RUNS}{run.pk}/again/", f"{JOBS}a/run/"):
        page.goto(path)
        for width in (320, 390, 1280):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (path, width)
