"""Workers and queues: what each worker is at, what waits in each queue, and who listens; to whom it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from scheduler.models import State

from .pages import PROCESSES, make_job, make_process, make_run, make_scheduler, text_of


def row(page: Any, name: str) -> str:
    """Return the words of the row of a process."""
    rows = [part for part in page.content.decode().split("<tr>")[1:] if name in part]
    return " ".join(text_of(type("Page", (), {"content": rows[0].encode()})).split())


def test_a_worker_says_what_it_is_at_how_much_it_can_do_and_what_it_is_made_of(boss: Client) -> None:
    info = {"concurrency": 8, "tickwork": "0.1.0", "celery": "5.7.0", "python": "3.13.1"}
    worker = make_process("worker@here", queues=["long", "default"], info=info)
    make_run("a", State.RUNNING, process=worker.pk, worker="worker@here")
    make_run("b", State.RUNNING, process=worker.pk, worker="worker@here")
    make_run("c", State.SUCCESS, process=worker.pk, worker="worker@here")
    page = boss.get(PROCESSES)
    told = row(page, "worker@here")
    for words in ("alive", "2 of 8 places", "now", "long, default", "0.1.0 Celery 5.7.0, Python 3.13.1"):
        assert words in told, words


def test_a_click_on_what_a_worker_is_at_leads_to_these_runs(boss: Client) -> None:
    worker = make_process("worker@here")
    make_run("mine", State.RUNNING, process=worker.pk, worker="worker@here")
    make_run("ended", State.SUCCESS, process=worker.pk, worker="worker@here")
    make_run("other", State.RUNNING, worker="worker@there")
    address = "/admin/scheduler/taskrun/?state=running&worker=worker%40here"
    assert address.replace("&", "&amp;") in boss.get(PROCESSES).content.decode()
    page = boss.get(address)
    assert [run.job_id for run in page.context["cl"].result_list] == ["mine"]


@pytest.mark.parametrize("info", [{}, [], "x", {"concurrency": [1], "tickwork": None}, {"tickwork": "<b>"}])
def test_a_process_that_tells_nothing_or_nonsense_of_itself_is_shown_all_the_same(boss: Client, info: Any) -> None:
    make_process("worker@here", info=info, queues="long")
    page = boss.get(PROCESSES)
    assert page.status_code == 200 and "worker@here" in text_of(page) and b"<b>" not in page.content


def test_a_queue_says_what_waits_since_when_what_the_broker_holds_and_who_listens(boss: Client) -> None:
    make_scheduler(info={"broker": {"depths": {"long": 5}}})
    make_process("one", queues=["long"])
    make_process("two", queues=["long", "idle"])
    make_run("a", State.QUEUED, ago=305, queue="long")
    make_run("a", State.QUEUED, ago=20, queue="long")
    make_run("b", State.PENDING, queue="long")
    queues = {queue["name"]: queue for queue in boss.get(PROCESSES).context["cl"].queues}
    told = queues["long"]
    assert (told["queued"], told["unsent"], told["in_broker"], told["listeners"]) == (2, 1, 5, 2)
    assert "5 min ago" in told["oldest"]
    assert (queues["idle"]["queued"], queues["idle"]["in_broker"], queues["idle"]["listeners"]) == (0, None, 1)


def test_a_queue_that_jobs_use_and_nobody_listens_on_comes_first_with_its_command(boss: Client) -> None:
    make_process("one", queues=["default"])
    make_job("a", queue="zulu queue")
    page = boss.get(PROCESSES)
    assert page.context["cl"].queues[0]["name"] == "zulu queue"
    content = page.content.decode()
    assert 'class="sched-deserted"' in content
    assert "celery -A project worker -Q &#x27;zulu queue&#x27;" in content


def test_without_anything_it_says_how_to_start(boss: Client) -> None:
    text = text_of(boss.get(PROCESSES))
    assert "manage.py runscheduler" in text and "celery -A project worker" in text
    assert "Nothing waits, and no worker listens." in text


def test_counts_of_runs_are_for_those_who_may_see_runs(login: Callable[..., Client]) -> None:
    worker = make_process("worker@here", queues=["default"], info={"concurrency": 8})
    for _number in range(77):
        make_run("a", State.RUNNING, process=worker.pk)
        make_run("a", State.QUEUED)
    text = text_of(login("view_serviceprocess", view=False).get(PROCESSES))
    assert "77" not in text and "of 8 places" in text and "default" in text


def test_it_moves_while_something_runs_or_waits(boss: Client) -> None:
    make_process("one", queues=["default"])
    assert b'data-moving="no"' in boss.get(PROCESSES).content
    run = make_run("a", State.QUEUED)
    cache.clear()
    assert b'data-moving="yes"' in boss.get(PROCESSES).content
    type(run).objects.update(state=State.RUNNING)
    cache.clear()
    assert b'data-moving="yes"' in boss.get(PROCESSES).content


def test_neither_broker_nor_workers_are_asked(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        raise AssertionError("asked within a request")

    monkeypatch.setattr("kombu.Connection.ensure_connection", fail)
    monkeypatch.setattr("celery.app.control.Control.broadcast", fail)
    make_process("one", queues=["default"])
    make_job("a", queue="long")
    assert boss.get(PROCESSES).status_code == 200


def test_the_number_of_queries_depends_on_nothing(boss: Client) -> None:
    counts = []
    for count in (1, 20):
        for number in range(count):
            worker = make_process(f"worker-{count}-{number}", queues=[f"queue-{number}"])
            make_run("a", State.RUNNING, process=worker.pk)
            make_job(f"job-{count}-{number}", queue=f"other-{number}")
        cache.clear()
        with CaptureQueriesContext(connection) as queries:
            boss.get(PROCESSES)
        counts.append(len(queries))
    assert counts[0] == counts[1] < 30
