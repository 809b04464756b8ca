"""The log of a run: its end on the page, what came since, all of it as a file, and who may read it."""

from __future__ import annotations

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from scheduler.admin import run_log
from scheduler.models import RunLog, State, TaskRun

from .pages import RUNS, make_job, make_run, text_of


def line(number: int, level: str = "INFO", text: str = "") -> str:
    return f"2026-12-01T09:00:{number % 60:02d}.123Z {level:<8} {text or f'line {number}'}\n"


def write(run: TaskRun, *texts: str) -> None:
    before = RunLog.objects.filter(run=run).count()
    RunLog.objects.bulk_create(
        RunLog(run=run, number=before + number, text=text) for number, text in enumerate(texts, start=1)
    )


def log_of(run: TaskRun, view: str = "log/") -> str:
    return f"{RUNS}{run.pk}/{view}"


def page_of(run: TaskRun) -> str:
    return f"{RUNS}{run.pk}/change/"


def test_the_page_shows_when_how_grave_and_what(boss: Client) -> None:
    run = make_run("a", State.RUNNING)
    write(run, line(1, "WARNING", "tasks.x: <b>careful</b>") + "a line of another shape\n")
    html = boss.get(page_of(run)).content.decode()
    assert re.search(
        r'run-warn"><time datetime="2026-12-01T09:00:01.123Z">12-01 09:00:01.123</time> <b>WARNING</b>'
        r" <span>tasks.x: &lt;b&gt;careful&lt;/b&gt;</span>",
        html,
    )
    assert "<span>a line of another shape</span>" in html and 'data-last="1"' in html


def test_times_are_in_the_viewers_zone(boss: Client) -> None:
    run = make_run("a", State.RUNNING)
    write(run, line(1))
    boss.cookies["sched_zone"] = "Asia/Tokyo"
    assert "18:00:01.123" in boss.get(page_of(run)).content.decode()
    assert "18:00:01.123" in boss.get(log_of(run)).content.decode()


def test_an_empty_log_says_what_will_appear_or_that_there_is_none(boss: Client) -> None:
    assert "appears here while it runs" in text_of(boss.get(page_of(make_run("a", State.RUNNING))))
    assert "logged and printed nothing" in text_of(boss.get(page_of(make_run("a", ago=5))))


def test_whoever_follows_gets_what_came_since(boss: Client) -> None:
    run = make_run("a", State.RUNNING)
    write(run, line(1), line(2))
    answer = boss.get(log_of(run), {"after": "1"})
    assert "line 2" in text_of(answer) and "line 1" not in text_of(answer) and b'data-last="2"' in answer.content
    assert b'class="run-line' not in boss.get(log_of(run), {"after": "2"}).content.replace(b"run-lines", b"")
    assert "no-store" in answer["Cache-Control"]


def test_a_project_that_sets_thousands_apart_can_follow_a_long_log(boss: Client, settings: Any) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    run = make_run("a", State.RUNNING)
    write(run, *(line(number) for number in range(1, 1_201)))
    assert b'data-last="1200"' in boss.get(log_of(run), {"after": "1190"}).content
    assert 'data-last="1200"' in boss.get(page_of(run)).content.decode()
    refreshed = boss.get(page_of(run), headers={"X-Scheduler-Refresh": "yes"})
    assert 'data-last="1200"' in refreshed.content.decode()


@pytest.mark.parametrize("after", ["", "-1", "x", "9" * 40, "١", "1.5", "\x00"])
def test_a_forged_place_in_the_log_does_no_harm(boss: Client, after: str) -> None:
    run = make_run("a")
    write(run, line(1))
    assert boss.get(log_of(run), {"after": after}).status_code == 200


def test_a_refresh_says_how_far_the_log_goes_and_brings_none_of_it(boss: Client) -> None:
    run = make_run("a", State.RUNNING)
    write(run, line(1), line(2))
    html = boss.get(page_of(run), headers={"X-Scheduler-Refresh": "yes"}).content.decode()
    assert 'data-last="2" data-live="yes"' in html and "line 1" not in html
    assert '<section id="run-log" class="sched-card run-log" data-kept></section>' in html


def test_of_a_long_log_the_page_shows_the_end(boss: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_log, "SHOWN_CHARS", 3 * len(line(1)))
    run = make_run("a")
    write(run, *(line(number) for number in range(1, 10)))
    text = text_of(boss.get(page_of(run)))
    assert [n for n in range(1, 10) if f"line {n} " in text] == [7, 8, 9]
    assert "Only its end is shown here" in text
    part = boss.get(log_of(run), {"after": "1"})
    assert [n for n in range(1, 10) if f"line {n} " in text_of(part)] == [2, 3, 4] and b'data-last="4"' in part.content


def test_a_log_of_very_many_lines_is_cut_to_what_a_browser_can_hold(
    boss: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_log, "MOST_LINES", 3)
    run = make_run("a")
    write(run, "".join(line(number) for number in range(1, 10)))
    text = text_of(boss.get(page_of(run)))
    assert "line 6" not in text and "line 7" in text and "Only its end is shown here" in text


def test_a_line_of_10_mb_leaves_the_page_usable_and_the_file_whole(boss: Client) -> None:
    run = make_run("a")
    huge = "x" * 10_000_000
    write(run, line(2), line(1, text=huge))
    answer = boss.get(page_of(run))
    assert len(answer.content) < 100_000 and "cut here: the line has 10000034 characters" in text_of(answer)
    file = boss.get(log_of(run, "log.txt"))
    assert sum(len(part) for part in file.streaming_content) == 10_000_035 + len(line(2))


def test_colours_and_control_characters_of_a_log_are_harmless(boss: Client) -> None:
    run = make_run("a")
    write(run, line(1, text="\x1b[31mred\x1b[0m \u202ereversed <script>alert(1)</script>"))
    html = boss.get(page_of(run)).content.decode()
    assert "\x1b" not in html and "\u202e" not in html and "<script>alert" not in html and "red \\u202ereversed" in html


def test_the_file_is_plain_text_that_no_browser_takes_for_a_page(boss: Client) -> None:
    run = make_run("a")
    write(run, line(1, text="<script>"), line(2, text="东京"))
    answer = boss.get(log_of(run, "log.txt"))
    assert b"".join(answer.streaming_content).decode() == line(1, text="<script>") + line(2, text="东京")
    assert answer["Content-Type"] == "text/plain; charset=utf-8" and answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Disposition"] == f'attachment; filename="run-{run.pk.hex[:12]}.log.txt"'


@pytest.mark.parametrize("view", ["log/", "log.txt"])
def test_logs_are_for_those_who_may_read_them(login: Callable[..., Client], view: str) -> None:
    make_job("a")
    run = make_run("a")
    write(run, line(1, text="between us"))
    reader, other = login("view_logs"), login("view_arguments", "run_job", "cancel_run")
    assert reader.get(log_of(run, view)).status_code == 200
    assert other.get(log_of(run, view)).status_code == 403
    assert login("view_logs", view=False).get(log_of(run, view)).status_code == 403
    assert "between us" in text_of(reader.get(page_of(run)))
    text = text_of(other.get(page_of(run)))
    assert "between us" not in text and "people who may read the logs" in text


@pytest.mark.parametrize("view", ["log/", "log.txt"])
def test_the_log_of_a_run_that_there_is_not_is_not_found(boss: Client, view: str) -> None:
    assert boss.get(f"{RUNS}{uuid.uuid4()}/{view}").status_code == 404


def test_following_a_log_costs_the_same_however_long_it_is(boss: Client, django_assert_num_queries: Any) -> None:
    run = make_run("a", State.RUNNING)
    write(run, *(line(number) for number in range(1, 50)))
    boss.get(log_of(run))
    with django_assert_num_queries(6):
        boss.get(log_of(run), {"after": "48"})
    with django_assert_num_queries(6):
        boss.get(log_of(run))
