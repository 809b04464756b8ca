"""The pages of actions that the engine carries out."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler import clock
from scheduler.models import BulkAction

from .pages import JOBS, RUNS, make_run, text_of

BULK = "/admin/scheduler/bulkaction/"


def make(action: str = "cancel", **fields: Any) -> BulkAction:
    return BulkAction.objects.create(**{"action": action, "total": 40, "requested_by": "ann", **fields})


def test_the_page_says_what_by_whom_and_how_far(boss: Client) -> None:
    going = make("retry", done=12, refused=3)
    answer = boss.get(f"{BULK}{going.pk}/change/")
    text = text_of(answer)
    for words in (
        "Run 40 runs again",
        "goes on",
        "by ann",
        "15 / 40",
        "25 are still to be done",
        "manage.py runscheduler",
    ):
        assert words in text, words
    assert 'data-moving="yes"' in answer.content.decode() and 'max="40" value="15"' in answer.content.decode()


def test_a_finished_one_says_what_was_refused_and_leads_there(boss: Client) -> None:
    run = make_run("a")
    ended = make(done=38, refused=2, finished_at=clock.now(), refusals=[[str(run.pk), "It has <b>ended</b>"]])
    answer = boss.get(f"{BULK}{ended.pk}/change/")
    assert "finished" in text_of(answer) and "It has &lt;b&gt;ended&lt;/b&gt;" in answer.content.decode()
    assert f'href="{RUNS}{run.pk}/change/"' in answer.content.decode() and "and 1 more" in text_of(answer)
    assert 'data-moving="no"' in answer.content.decode()


def test_refused_jobs_lead_to_their_pages(boss: Client) -> None:
    ended = make("pause", refused=1, refusals=[["a/b", "no"]])
    assert f'href="{JOBS}a_2Fb/change/"' in boss.get(f"{BULK}{ended.pk}/change/").content.decode()


@pytest.mark.parametrize("refusals", [[], {}, "x", [1], [["only one"]], [["x\x01", "\x1b[31m"]]])
def test_no_stored_refusals_break_the_page(boss: Client, refusals: Any) -> None:
    assert boss.get(f"{BULK}{make(refused=1, refusals=refusals).pk}/change/").status_code == 200


def test_the_list_shows_the_latest_first_at_the_same_cost_for_each(
    boss: Client, django_assert_num_queries: Any
) -> None:
    old, new = make(), make("remove", total=1, done=1, finished_at=clock.now())
    page = boss.get(BULK)
    assert [each.pk for each in page.context["cl"].result_list] == [new.pk, old.pk] and "Remove 1 job" in text_of(page)
    with CaptureQueriesContext(connection) as two:
        boss.get(BULK)
    for _ in range(9):
        make()
    with django_assert_num_queries(len(two)):
        boss.get(BULK)


def test_an_empty_list_says_how_one_begins(boss: Client) -> None:
    page = boss.get(BULK)
    assert "No bulk action yet." in text_of(page)
    assert f'class="button sched-primary" href="{JOBS}">To the jobs' in page.content.decode()


def test_an_empty_list_leads_nobody_to_a_page_that_is_not_for_them(login: Callable[..., Client]) -> None:
    other = login("view_bulkaction", view=False)
    page = other.get(BULK)
    assert "No bulk action yet." in text_of(page)
    assert "To the jobs" not in page.content.decode()


def test_they_are_for_those_who_may_view_them_and_nobody_changes_them(
    boss: Client, login: Callable[..., Client]
) -> None:
    one = make()
    other = login(view=False)
    assert [other.get(path).status_code for path in (BULK, f"{BULK}{one.pk}/change/")] == [403, 403]
    assert boss.get(f"{BULK}add/").status_code == 403
    assert boss.post(f"{BULK}{one.pk}/delete/", {"post": "yes"}).status_code == 403
    assert boss.get(f"{BULK}{uuid.uuid4()}/change/").status_code == 302
