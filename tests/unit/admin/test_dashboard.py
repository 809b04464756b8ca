"""The dashboard and its summary on the admin's index: what they tell, to whom, and at what cost."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.cache import cache
from django.db import connection
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from scheduler import clock, conf
from scheduler.admin import take_over
from scheduler.models import HourTally, ServiceProcess, State, TaskRun

from .pages import DASHBOARD, PROCESSES, make_job, make_process, make_run, make_scheduler, text_of

REFRESH = {"X-Scheduler-Refresh": "yes"}


def tiles(response: Any) -> dict[str, str]:
    """Return the figures by their titles."""
    return {tile.title: tile.value for tile in response.context["tiles"]}


def banners(response: Any) -> list[tuple[str, str]]:
    return [(banner.text, banner.command) for banner in response.context["problems"]]


def all_is_well(*queues: str) -> None:
    make_scheduler()
    make_process("worker", queues=["default", *queues])


def test_the_figures_count_what_is_alive_runs_waits_is_due_is_late_and_failed(boss: Client) -> None:
    all_is_well()
    make_process("gone", stopped=True)
    make_job("soon")
    make_job("tomorrow", due=clock.now() + timedelta(days=1))
    make_job("late", due=clock.now() - timedelta(seconds=20))
    make_run("a", State.RUNNING)
    make_run("b", State.QUEUED, ago=305)
    make_run("b", State.QUEUED, ago=60)
    make_run("c", State.FAILURE)
    make_run("d", State.LOST, ago=90_000)
    make_run("e", State.SUCCESS)
    page = boss.get(DASHBOARD)
    assert tiles(page) == {
        "Schedulers": "1", "Workers": "1", "Running": "1", "Queued": "2", "Due": "1", "Late": "1", "Failed": "1",
        "Scheduler’s lateness": "0 ms",
    }  # fmt: skip
    assert "the oldest 5 min ago" in text_of(page)


def test_each_figure_leads_to_what_it_counts(boss: Client) -> None:
    all_is_well()
    make_job("soon")
    make_run("a", State.RUNNING)
    make_run("c", State.FAILURE)
    for tile in boss.get(DASHBOARD).context["tiles"]:
        if tile.url and "trouble=late" not in tile.url:
            assert boss.get(tile.url).status_code == 200, tile


def test_running_runs_tick_and_show_their_progress_the_longest_first(boss: Client) -> None:
    make_run("short", State.RUNNING, ago=5)
    make_run("long", State.RUNNING, ago=500, progress={"current": 3, "total": 4, "text": "third"})
    page = boss.get(DASHBOARD)
    assert [run["job"] for run in page.context["running"]] == ["long", "short"]
    content = page.content.decode()
    assert content.count('data-tick="elapsed"') == 2 and "<progress" in content and "3 / 4 · third" in content
    assert 'data-moving="yes"' in content


def test_the_last_failures_say_why_and_lead_to_their_runs(boss: Client) -> None:
    make_job("mail", name="Send mail")
    old = make_run("mail", State.TIMEOUT, ago=900, reason="The hard time limit ended it")
    new = make_run("mail", State.FAILURE, ago=60, exception="ValueError: <no>")
    make_run("mail", State.SKIPPED)
    page = boss.get(DASHBOARD)
    assert [run["url"] for run in page.context["failures"]] == [
        f"/admin/scheduler/taskrun/{run.pk}/change/" for run in (new, old)
    ]
    for words in ("Send mail", "ValueError: &lt;no&gt;", "The hard time limit ended it"):
        assert words in page.content.decode()


def test_the_strip_draws_each_hour_by_outcome_and_says_the_numbers_in_a_table(boss: Client) -> None:
    this = clock.now().replace(minute=0, second=0, microsecond=0)
    for back, state, count in (
        (0, "success", 7),
        (0, "running", 1),
        (5, "failure", 3),
        (5, "timeout", 2),
        (30, "lost", 9),
    ):
        HourTally.objects.create(hour=this - timedelta(hours=back), state=state, count=count)
    content = boss.get(DASHBOARD).content.decode()
    assert content.count("<g><title>") == 24
    rows = re.findall(r'<tr><th scope="row">\d\d:00</th>((?:<td>\d+</td>)+)</tr>', content)
    numbers = [re.findall(r"\d+", row) for row in rows]
    assert len(numbers) == 24 and numbers[0] == ["7", "0", "0", "0", "1", "0"] and numbers[5][1] == "5"
    assert "9" not in {number for row in numbers for number in row}


def test_lateness_is_that_of_firings_and_not_of_manual_or_missed_ones(boss: Client) -> None:
    due = clock.now() - timedelta(hours=1)
    for late in range(1, 101):
        make_run("a", scheduled_at=due, created_at=due + timedelta(seconds=late))
    make_run("a", scheduled_at=due, created_at=due + timedelta(seconds=900), requested_by="ada")
    make_run("a", State.MISSED, scheduled_at=due, created_at=due + timedelta(seconds=900))
    tile = next(tile for tile in boss.get(DASHBOARD).context["tiles"] if "lateness" in tile.title)
    assert (tile.value, tile.note) == ("50 s", "p50 · p99 1 min 39 s")


def test_an_empty_installation_says_what_to_do(boss: Client) -> None:
    page = boss.get(DASHBOARD)
    text = text_of(page)
    assert banners(page) == [("No scheduler runs", "python manage.py runscheduler")]
    for words in ("none is alive", "No run was due in the last 24 hours.", "Nothing runs at the moment.",
                  "Nothing has failed in the last 24 hours.", "Nothing waits, and no worker listens.",
                  "celery -A project worker", "What comes next"):  # fmt: skip
        assert words in text, words
    assert 'data-moving="no"' in page.content.decode()


# -- what is wrong -----------------------------------------------------------------------------------------------------


def nothing() -> None:
    all_is_well()


def no_scheduler() -> None:
    make_process("worker", queues=["default"])


def no_pass() -> None:
    all_is_well()
    ServiceProcess.objects.filter(kind="scheduler").update(
        last_pass_at=clock.now() - timedelta(seconds=conf.get("HEALTH_WINDOW") + 5)
    )


def no_worker() -> None:
    all_is_well()
    make_job("a", queue="long")


def no_broker() -> None:
    all_is_well()
    ServiceProcess.objects.filter(kind="scheduler").update(info={"broker": {"away_since": clock.now().isoformat()}})


def overdue() -> None:
    all_is_well()
    make_job("a", due=clock.now() - timedelta(seconds=conf.get("HEALTH_WINDOW") + 5))


def pending() -> None:
    all_is_well()
    make_run("a", State.PENDING, ago=conf.get("HEALTH_WINDOW") + 5)


def broken() -> None:
    all_is_well()
    make_job("a", broken_reason="No task", finished=True)


WRONG = [
    (no_scheduler, "No scheduler runs", "python manage.py runscheduler", "view_serviceprocess"),
    (no_pass, "No scheduler has completed a pass for 30 s", "python manage.py runscheduler", "view_serviceprocess"),
    (no_worker, "No worker listens on queue long", "celery -A project worker -Q long", "view_serviceprocess"),
    (no_broker, "The broker is out of reach", "", "view_serviceprocess"),
    (overdue, "1 job is due and not fired", "python manage.py runscheduler", "view_scheduledtask"),
    (pending, "1 run waits for the broker", "python manage.py runscheduler", "view_taskrun"),
    (broken, "1 job is set aside: a", "python manage.py jobs list --state broken", "view_scheduledtask"),
]


@pytest.mark.parametrize(("cause", "text", "command", "needed"), WRONG)
def test_each_trouble_has_a_banner_with_its_command_for_those_who_may_see_what_it_tells_of(
    login: Callable[..., Client], cause: Callable[[], None], text: str, command: str, needed: str
) -> None:
    cause()
    rights = {"view_serviceprocess", "view_scheduledtask", "view_taskrun"}
    found = banners(login(needed, view=False).get(DASHBOARD))
    assert len(found) == 1 and found[0][0].startswith(text) and found[0][1] == command
    assert banners(login(*(rights - {needed}), view=False).get(DASHBOARD)) == []


def test_the_banner_of_a_broker_out_of_reach_has_the_command_of_the_project(boss: Client, settings: Any) -> None:
    settings.SCHEDULER = {**settings.SCHEDULER, "BROKER_COMMAND": "systemctl start valkey"}
    no_broker()
    assert [command for _text, command in banners(boss.get(DASHBOARD))] == ["systemctl start valkey"]


def test_where_all_is_well_there_is_no_banner_and_the_broker_is_not_asked(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scheduler.health.broker_connection", None)
    nothing()
    assert banners(boss.get(DASHBOARD)) == []


# -- who sees what -----------------------------------------------------------------------------------------------------

OF_PROCESSES, OF_RUNS, OF_JOBS = (
    {"Schedulers", "Workers"},
    {"Running", "Queued", "Failed", "Scheduler’s lateness"},
    {"Due", "Late"},
)


@pytest.mark.parametrize(
    ("right", "figures", "parts"),
    [
        ("view_serviceprocess", OF_PROCESSES, {"processes", "queues"}),
        ("view_taskrun", OF_RUNS, {"strip", "running", "failures", "queues"}),
        ("view_scheduledtask", OF_JOBS, set()),
    ],
)
def test_each_part_is_for_those_who_may_view_what_it_tells_of(
    login: Callable[..., Client], right: str, figures: set[str], parts: set[str]
) -> None:
    all_is_well()
    make_job("secret-job")
    make_run("secret-run", State.RUNNING, task="secret.task", worker="secret-place")
    make_run("secret-run", State.FAILURE, exception="secret words")
    make_run("secret-run", State.QUEUED)
    page = login(right, view=False).get(DASHBOARD)
    assert set(tiles(page)) == figures
    assert {part for part in ("strip", "running", "failures", "queues", "processes") if part in page.context} == parts
    assert ("secret" in page.content.decode()) == (right == "view_taskrun")


def test_who_may_view_processes_alone_sees_no_counts_of_runs(login: Callable[..., Client]) -> None:
    all_is_well()
    for _number in range(77):
        make_run("a", State.QUEUED)
    page = login("view_serviceprocess", view=False).get(DASHBOARD)
    assert "77" not in text_of(page) and "default" in text_of(page)


def test_who_may_view_runs_alone_sees_the_queues_that_runs_wait_in_and_no_others(login: Callable[..., Client]) -> None:
    all_is_well("idle")
    make_job("a", queue="deserted")
    make_run("a", State.QUEUED, queue="busy")
    queues = login("view_taskrun", view=False).get(DASHBOARD).context["queues"]
    assert [(queue["name"], queue["is_deserted"]) for queue in queues] == [("busy", False)]


def test_who_may_view_nothing_of_it_gets_no_dashboard_and_no_summary(login: Callable[..., Client]) -> None:
    somebody = login(view=False)
    assert somebody.get(DASHBOARD).status_code == 404
    assert "sched-summary" not in somebody.get("/admin/").content.decode()
    assert Client().get(DASHBOARD).status_code == 302


# -- its place in the admin --------------------------------------------------------------------------------------------


def test_the_index_has_a_summary_that_leads_to_the_dashboard(boss: Client) -> None:
    no_worker()
    content = boss.get("/admin/").content.decode()
    assert f'<a href="{DASHBOARD}">Scheduler</a>' in content
    assert "celery -A project worker -Q long" in content and "Schedulers" in content
    assert "dashboard.css" in content


def test_a_site_keeps_its_own_index_template_and_is_taken_over_once() -> None:
    site = admin.AdminSite(name="theirs")
    site.index_template = "theirs.html"
    take_over(site)
    ours = site.app_index
    take_over(site)
    assert site.index_template == "theirs.html" and site.app_index is ours


def test_the_pages_of_other_apps_stay_as_they_are(boss: Client) -> None:
    User.objects.update(is_superuser=True)
    page = boss.get("/admin/auth/")
    assert page.status_code == 200 and "sched-" not in page.content.decode()


def test_any_template_may_place_the_summary(boss: Client) -> None:
    all_is_well()
    request = RequestFactory().get("/")
    request.user = boss.get(DASHBOARD).context["user"]
    drawn = Template("{% load scheduler_console %}{% console_summary %}").render(Context({"request": request}))
    assert "sched-tiles" in drawn


def test_tables_that_are_not_there_leave_the_index_to_the_other_apps(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM no_such_table")

    monkeypatch.setattr("scheduler.overview.alive", fail)
    page = boss.get("/admin/")
    assert page.status_code == 200 and "python manage.py migrate" in text_of(page)
    assert "Recent actions" in text_of(page)


def test_a_refresh_that_brings_nothing_new_is_answered_with_304(boss: Client) -> None:
    all_is_well()
    make_run("a", State.RUNNING)
    etag = boss.get(DASHBOARD, headers=REFRESH)["ETag"]
    assert boss.get(DASHBOARD, headers={**REFRESH, "If-None-Match": etag}).status_code == 304
    TaskRun.objects.update(state=State.SUCCESS, finished_at=clock.now())
    assert boss.get(DASHBOARD, headers={**REFRESH, "If-None-Match": etag}).status_code == 200


# -- what it costs -----------------------------------------------------------------------------------------------------


def test_the_number_of_queries_depends_on_nothing(boss: Client) -> None:
    def fill(count: int, prefix: str) -> None:
        for number in range(count):
            make_job(f"{prefix}-{number}", queue=f"{prefix}-{number}")
            make_process(f"{prefix}-{number}", queues=[f"q-{number}"])
            for state in (State.RUNNING, State.QUEUED, State.PENDING, State.FAILURE):
                make_run(f"{prefix}-{number}", state)

    fill(1, "few")
    boss.get(DASHBOARD)
    for refresh in ({}, REFRESH):
        cache.clear()
        with CaptureQueriesContext(connection) as few:
            boss.get(DASHBOARD, headers=refresh)
        fill(15, f"many{len(refresh)}")
        cache.clear()
        with CaptureQueriesContext(connection) as many:
            boss.get(DASHBOARD, headers=refresh)
        assert len(many) == len(few) < 40


def test_a_cache_that_is_away_costs_nothing_but_time(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: Any, **more: Any) -> None:
        raise ConnectionError("no cache")

    monkeypatch.setattr("scheduler.admin.caching.cache", type("Away", (), {"get": fail, "set": fail})())
    no_worker()
    assert banners(boss.get(DASHBOARD))[0][1] == "celery -A project worker -Q long"


@pytest.mark.skipif(connection.vendor != "postgresql", reason="asks PostgreSQL for its plans")
@pytest.mark.parametrize("page", [DASHBOARD, PROCESSES, "/admin/"])
def test_no_query_walks_through_the_runs(boss: Client, page: str) -> None:
    all_is_well()
    make_run("a", State.RUNNING)
    make_run("a", State.FAILURE)
    with CaptureQueriesContext(connection) as queries:
        boss.get(page)
    of_runs = [query["sql"] for query in queries if 'FROM "scheduler_taskrun"' in query["sql"]]
    assert len(of_runs) >= 2
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        for sql in of_runs:
            cursor.execute(f"EXPLAIN {sql}")
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert "Seq Scan on scheduler_taskrun" not in plan, plan
            is_bounded = re.search(r"scheduler_run_(live|outbox|failed)|taskrun_pkey|Limit", plan)
            assert is_bounded, plan
