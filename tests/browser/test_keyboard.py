"""The keyboard: search, rows, pages and help, never in the way of somebody who types, and it can be switched off."""

from __future__ import annotations

import os
import re

import pytest
from playwright.sync_api import Page, expect

from scheduler.models import State
from tests.unit.admin.pages import DASHBOARD, JOBS, PROCESSES, RUNS, UPCOMING, make_job, make_run

from .barriers import barriers
from .conftest import CHROMIUM, MISSING, Open
from .test_jobs import is_too_wide

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)

HELP = "dialog#sched-keys"
expect.set_options(timeout=20_000)


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.textContent.trim()"))


def test_slash_searches_and_j_and_k_go_through_the_rows(open_as: Open) -> None:
    for name in ("alpha", "beta", "gamma"):
        make_job(name)
    page = open_as("operator", JOBS)
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    page.keyboard.type("j/?g")  # nobody who types is interrupted
    expect(page.locator("#searchbar")).to_have_value("j/?g")
    expect(page.locator(HELP)).to_be_hidden()
    page.locator("#searchbar").fill("")
    page.locator("#searchbar").blur()
    seen = []
    for key in "jjjjk":
        page.keyboard.press(key)
        seen.append(focused(page))
    assert seen == ["alpha", "beta", "gamma", "gamma", "beta"]
    row = page.locator("#result_list tbody tr").filter(has_text="beta")
    assert row.evaluate("row => getComputedStyle(row).outlineStyle") == "solid"
    for combined in ("Control+k", "Alt+j", "Meta+j"):
        page.keyboard.press(combined)
        assert focused(page) == "beta"
    page.evaluate("document.dispatchEvent(new CustomEvent('sched:refresh'))")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{JOBS}beta/change/")


def test_g_and_a_letter_opens_a_page(open_as: Open) -> None:
    make_job("alpha")
    make_run("alpha", State.FAILURE)
    page = open_as("operator", DASHBOARD)
    for key, path in (("r", RUNS), ("u", UPCOMING), ("w", PROCESSES), ("j", JOBS), ("d", DASHBOARD)):
        page.keyboard.press("g")
        page.keyboard.press(key)
        page.wait_for_url(re.compile(rf"{path}$"))
    page.keyboard.press("j")  # without g it goes to the first row of the page's tables
    assert page.evaluate("document.querySelector('.sched-table tbody tr').contains(document.activeElement)")


def test_the_help_opens_by_key_and_by_button_and_switches_the_keys_off(open_as: Open) -> None:
    make_job("alpha")
    page = open_as("operator", JOBS)
    page.keyboard.press("?")
    expect(page.locator(HELP)).to_be_visible()
    expect(page.locator(HELP)).to_contain_text("Workers and queues")
    found = barriers(page)
    page.set_viewport_size({"width": 320, "height": 640})
    assert not is_too_wide(page)
    for key in "jgr":  # the page behind it stands still
        page.keyboard.press(key)
    assert page.locator("#result_list :focus").count() == 0
    page.keyboard.press("Escape")
    expect(page.locator(HELP)).to_be_hidden()
    page.get_by_role("button", name="Keyboard").click()
    page.get_by_label("Use these keys in this browser").uncheck()
    page.get_by_role("button", name="Close").click()
    expect(page.get_by_role("button", name="Keyboard")).to_be_focused()
    for _ in range(2):  # also after the page is loaded anew
        page.keyboard.press("j")
        page.keyboard.press("?")
        page.keyboard.press("/")
        expect(page.locator(HELP)).to_be_hidden()
        assert page.locator("#result_list :focus, #searchbar:focus").count() == 0
        page.reload()
    page.get_by_role("button", name="Keyboard").click()
    page.get_by_label("Use these keys in this browser").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    assert page.url.endswith(JOBS)  # no key has led away
    assert found == []
