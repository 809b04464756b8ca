"""How long runs are kept, as a person sees and sets it: without barriers, at every width."""

from __future__ import annotations

import os

import pytest
from playwright.sync_api import expect

from scheduler import retention
from scheduler.models import State
from tests.unit.admin.pages import DASHBOARD, make_run

from .barriers import barriers
from .conftest import CHROMIUM, MISSING, Open
from .test_jobs import is_too_wide

if CHROMIUM is None and os.environ.get("CI") != "true":
    pytest.skip(MISSING, allow_module_level=True)


def test_a_rule_is_set_and_taken_away(open_as: Open) -> None:
    make_run("nightly", State.FAILURE)
    page = open_as("boss", DASHBOARD, viewport={"width": 320, "height": 640})
    page.get_by_role("link", name="Retention").last.click()
    row = page.locator(".sched-table tr").filter(has_text="failure")
    expect(row).to_contain_text("the general one")
    found, wide = barriers(page), [is_too_wide(page)]
    row.get_by_role("link", name="Set one").click()
    page.get_by_label("Keep runs for (days)").fill("90")
    found, wide = found + barriers(page), [*wide, is_too_wide(page)]
    page.get_by_role("button", name="Save").click()
    expect(row).to_contain_text("for 90 days")
    assert retention.rules()["failure"].days == 90
    row.get_by_role("link", name="Drop").click()
    found, wide = found + barriers(page), [*wide, is_too_wide(page)]
    page.get_by_role("button", name="Drop the rule").click()
    expect(row).to_contain_text("the general one")
    assert not retention.rules()["failure"].is_own
    assert found == [] and wide == [False] * 3
