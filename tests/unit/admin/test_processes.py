"""Schedulers and workers: alive, stale or stopped."""

from __future__ import annotations

import pytest
from django.test import Client

from scheduler import clock
from scheduler.admin.processes import longest_silence, process_state

from .pages import PROCESSES, make_process, text_of


@pytest.mark.django_db
def test_a_process_is_judged_by_its_heartbeat() -> None:
    now = clock.now()
    assert process_state(make_process("a"), now) == "alive"
    assert process_state(make_process("b", silent=longest_silence() + 1), now) == "stale"
    assert process_state(make_process("c", stopped=True), now) == "stopped"


def test_the_list_tells_who_is_alive_and_hides_those_long_gone(boss: Client) -> None:
    make_process("here", queues=["long"])
    make_process("silent", silent=100, kind="scheduler", last_pass_at=clock.now())
    make_process("given-up", silent=500, stopped_at=clock.now())
    make_process("long-gone", silent=200_000, stopped=True)
    text = text_of(boss.get(PROCESSES))
    for words in ("alive", "here", "long", "stale", "silent", "fell silent 8 min ago"):
        assert words in text, words
    assert "long-gone" not in text and "long-gone" in text_of(boss.get(PROCESSES + "?seen=ever"))
    assert "here" not in text_of(boss.get(PROCESSES + "?kind=scheduler"))


def test_an_empty_list_says_what_to_do_next(boss: Client) -> None:
    assert "manage.py runscheduler" in text_of(boss.get(PROCESSES))


def test_a_process_has_no_page_of_its_own(boss: Client) -> None:
    process = make_process("a")
    assert boss.get(f"{PROCESSES}{process.pk}/change/").status_code == 404


def test_the_page_has_one_name_in_the_navigation_on_it_and_in_djangos_list_of_models(boss: Client) -> None:
    assert "<h1>Workers and queues</h1>" in boss.get(PROCESSES).content.decode()
    for page in ("/admin/", "/admin/scheduler/", PROCESSES):
        text = text_of(boss.get(page))
        assert "Workers and queues" in text and "Processes" not in text, page
    make_process("a")
    assert "1 process " in text_of(boss.get(PROCESSES))
