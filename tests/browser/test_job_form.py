"""The form of a job as people use it: arguments made from the task, a preview that follows, overrides given back."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from playwright.sync_api import Page, expect

from scheduler import modify_job
from scheduler.jobs import run_job
from scheduler.lookup import get_job
from scheduler.models import ScheduledTask, Source, State
from scheduler.overrides import overridden
from scheduler.schedules import restore_trigger
from scheduler.triggers import describe, trigger_to_data
from tests.runs import wait_for_runs
from tests.unit.admin.job_forms import ADD, GREET, edit_url, greeting
from tests.unit.admin.pages import JOBS

from .barriers import barriers
from .conftest import CHROMIUM, MISSING, Open

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

expect.set_options(timeout=20_000)


def kind(page: Page, name: str) -> None:
    page.locator(".sched-schedule > .sched-field").first.get_by_label(name, exact=True).check()


def words(page: Page, text: str) -> None:
    expect(page.locator("#sched-preview .sched-words")).to_have_text(text)


def declare_in_code(job_id: str) -> None:
    """Store what the sync notes of a job that the code declares as it is now."""
    job = get_job(job_id)
    fields = {f.name: getattr(job, f.name) for f in job._meta.fields}
    kept = ("task", "args", "kwargs", "queue", "overlap", "catch_up", "on_lost", "tags", "description", "name", "owner",
            "priority", "expires", "time_limit", "soft_time_limit", "max_instances", "misfire_grace_time",
            "run_at_start")  # fmt: skip
    said = {name: fields[name] for name in kept} | {"schedule": {}, "trigger": trigger_to_data(restore_trigger(job))}
    ScheduledTask.objects.filter(job_id=job_id).update(source=Source.CODE, declared=said)


def test_a_job_is_created_from_a_task_previewed_saved_run_and_edited(open_as: Open) -> None:
    LogEntry.objects.all().delete()
    page = open_as("editor", JOBS)
    page.get_by_role("link", name="Add job").first.click()
    page.get_by_label("Filter the tasks").fill("say hello")
    tasks = page.locator(".sched-tasks label:visible")
    expect(tasks).to_have_count(1)
    page.get_by_role("radio", name=re.compile("greet")).check()
    expect(page.locator(".sched-summary")).to_contain_text("It says it as often as asked.")
    page.get_by_label("name", exact=True).fill("ann")
    expect(page.get_by_label("times", exact=True)).to_have_attribute("placeholder", "1")
    page.get_by_label("tone", exact=True).select_option("cool")

    words(page, "every 5 minutes")
    kind(page, "Weekly")
    words(page, "Monday to Friday at 06:00")
    page.get_by_role("checkbox", name="Sat").check()
    page.locator("[name=schedule-time]").fill("07:15")
    words(page, "Monday to Saturday at 07:15")
    expect(page.locator("#sched-preview tbody tr")).to_have_count(5)
    expect(page.locator("#sched-preview-said")).to_have_text("Monday to Saturday at 07:15")
    page.get_by_role("combobox", name="Time zone").fill("Europe/Nowhere")
    expect(page.locator("#sched-preview")).to_contain_text("is not a known time zone")
    page.get_by_role("combobox", name="Time zone").fill("Europe/Berlin")
    expect(page.locator("#sched-preview")).to_contain_text("in the time zone Europe/Berlin · 6 a week")

    page.locator("summary", has_text="As JSON").click()
    page.get_by_label("Take the arguments from this JSON").check()
    expect(page.locator("[name=arguments-kwargs_json]")).to_have_value(re.compile('"tone": "cool"'))
    page.get_by_label("Keyword arguments").fill('{"name": "bob", "times": 2}')
    page.get_by_label("Take the arguments from this JSON").uncheck()
    expect(page.get_by_label("name", exact=True)).to_have_value("bob")

    page.get_by_role("textbox", name="Id", exact=True).fill("hello")
    page.get_by_role("spinbutton", name="Priority").fill("900")
    page.get_by_role("button", name="Add job").click()
    expect(page.locator(".sched-faults")).to_contain_text("One thing is not right")
    expect(page.get_by_role("spinbutton", name="Priority")).to_be_focused()
    expect(page.get_by_role("spinbutton", name="Priority")).to_have_attribute("aria-invalid", "true")
    page.get_by_role("spinbutton", name="Priority").fill("9")
    page.get_by_role("button", name="Add job").click()
    expect(page.locator(".messagelist")).to_contain_text("Added the job “hello”. It runs in ")
    job = get_job("hello")
    assert (job.task, job.args, job.kwargs, job.priority) == (GREET, [], {"name": "bob", "times": 2}, 9)
    assert describe(restore_trigger(job)) == "Monday to Saturday at 07:15"
    run_job("hello")
    wait_for_runs("hello", state=State.SUCCESS)

    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("times", exact=True)).to_have_value("2")
    kind(page, "Cron line")
    page.get_by_role("textbox", name="Cron line").fill("*/20 9-17 * * *")
    words(page, "every 20 minutes of hours 9 to 17")
    page.get_by_role("button", name="Save").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved the job “hello”.")
    expect(page.locator(".sched-changes li").first).to_contain_text("every 20 minutes of hours 9 to 17")
    assert describe(restore_trigger(get_job("hello"))) == "every 20 minutes of hours 9 to 17"
    assert LogEntry.objects.filter(object_id="hello").count() == 2


def test_an_override_is_given_back_and_a_conflict_is_shown(open_as: Open) -> None:
    greeting(queue="long", description="From the code.")
    declare_in_code("hello")
    page = open_as("editor", edit_url("hello"))
    page.get_by_label("Description").fill("Mine.")
    page.get_by_label("Wait in line").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_text("The code says: From the code.")).to_be_visible()
    page.get_by_label("Owner").fill("ann")
    page.get_by_role("button", name=re.compile("Give it back to the code.*description")).click()
    expect(page.locator(".messagelist")).to_contain_text("The code decides about it again.")
    expect(page.get_by_label("Owner")).to_have_value("ann")
    expect(page.get_by_label("Description")).to_have_value("From the code.")
    assert overridden(get_job("hello")) == {"overlap": "skip"}

    modify_job("hello", queue="theirs")
    page.get_by_role("button", name="Save").click()
    conflict = page.locator(".sched-conflict")
    expect(conflict).to_be_focused()
    expect(conflict.locator("tbody tr")).to_have_text(re.compile(r"Queue\s*theirs\s*long"))
    page.get_by_role("button", name="Save mine over it").click()
    expect(page.locator(".messagelist")).to_contain_text("Saved the job")
    assert (get_job("hello").queue, get_job("hello").owner) == ("long", "ann")


def test_it_works_without_scripts(open_as: Open) -> None:
    greeting(id="other")
    page = open_as("editor", ADD, java_script_enabled=False)
    page.get_by_role("radio", name=re.compile("greet")).check()
    page.get_by_role("button", name="Show its arguments").click()
    page.get_by_label("name", exact=True).fill("ann")
    kind(page, "Once")
    expect(page.locator("[name=schedule-crontab]").first).to_be_hidden()
    page.locator("[name=schedule-run_date]").first.fill("2099-12-01T09:00")
    page.get_by_role("button", name="Preview").click()
    words(page, "once on 2099-12-01 at 09:00")
    page.get_by_role("textbox", name="Id", exact=True).fill("hello")
    page.get_by_role("textbox", name="Id", exact=True).press("Enter")
    expect(page.locator(".messagelist")).to_contain_text("Added the job “hello”.")
    assert get_job("hello").kwargs == {"name": "ann"}


def test_the_form_has_no_barriers_that_axe_finds_and_fits_a_phone(open_as: Open) -> None:
    greeting(queue="long")
    declare_in_code("hello")
    modify_job("hello", queue="mine", overlap="allow")
    page = open_as("editor", f"{ADD}?task=tests.app.typed_tasks.take_all_types")
    found: list[Any] = []
    widths = []

    def look(what: str) -> None:
        found.extend(barriers(page, what))
        page.set_viewport_size({"width": 320, "height": 700})
        widths.append((what, page.evaluate("document.documentElement.scrollWidth")))
        page.set_viewport_size({"width": 1280, "height": 800})

    page.locator("details").evaluate_all("all => all.forEach(each => { each.open = true; })")
    kind(page, "Combined")
    expect(page.locator("#sched-preview")).to_contain_text("one part at least")
    look("add")
    page.get_by_role("button", name="Add job").click()
    page.locator(".sched-faults").wait_for()
    look("faults")
    page.goto(edit_url("hello"))
    look("edit")
    modify_job("hello", queue="theirs")
    page.get_by_role("button", name="Save").click()
    page.locator(".sched-conflict").wait_for()
    look("conflict")
    page.get_by_role("button", name="Save mine over it").click()
    page.locator(".sched-changes li").first.wait_for()
    look("job page")
    assert found == []
    assert [each for each in widths if each[1] > 320] == []
