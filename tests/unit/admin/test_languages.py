"""The console in Chinese: every page, its dates, errors and reasons; and how a viewer chooses a language."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.admin.utils import quote
from django.test import Client
from django.utils.translation import override

import scheduler
from scheduler import bulk, clock, retention
from scheduler.admin import languages
from scheduler.admin.reasons import PATTERNS, recognized, said
from scheduler.models import TERMINAL, RunLog, State

from .pages import JOBS, PROCESSES, RUNS, make_job, make_process, make_run, make_scheduler, text_of
from .sweeping import Shown, untranslated
from .test_explain import PAGES

pytestmark = pytest.mark.django_db
RETENTION = "/admin/scheduler/retentionrule/"
MORE_PAGES = [
    JOBS + "add/",
    JOBS + "{job}/history/",
    RUNS + "?state=failed",
    RUNS + "{running}/change/",
    RUNS + "{waiting}/change/",
    RUNS + "{running}/terminate/",
    RUNS + "{run}/again/",
    "/admin/scheduler/bulkaction/{bulk}/change/",
    RETENTION + "failure/set/",
    RETENTION + "failure/drop/",
    JOBS + "?q=nothing-of-that-kind",
    RUNS + "?q=nothing-of-that-kind",
]
DATA = ("code", "admin", "default", "mail")
"""Words of the catalogue that pages show as data: a queue, who asked."""


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """A request leaves its language to what comes after it in the same thread."""
    with override("en"):
        yield


@pytest.fixture
def places(admin_client: Client) -> dict[str, str]:
    """Rows of every kind and state, and what stands for the names in the pages' addresses."""
    make_scheduler("engine-1")
    worker = make_process(
        "worker@host", queues=["default"], info={"concurrency": 4, "tickwork": "1", "celery": "5", "python": "3"}
    )
    make_process("worker@gone", silent=4_000)
    make_process("worker@done", stopped=True)
    busy = make_job("busy", task="tests.app.tasks.add", tags=["critical"], queue="mail", misfire_grace_time=30,
                    expires=60, time_limit=90, soft_time_limit=80, priority=3, source="code",
                    declared={"queue": ""})  # fmt: skip
    make_job("job-late", due=clock.now().replace(year=2020), trigger={"type": "cron", "day": 31, "day_of_week": 1})
    make_job("job-broken", broken_reason="No task named 'x' is registered here or on a worker that is alive")
    make_job("job-paused", paused_at=clock.now())
    make_job("job-finished", finished=True)
    make_job("job-removed", removed_at=clock.now())
    reasons = {
        State.LOST: "Its worker w@h died", State.SKIPPED: "Maximum number of running instances reached (1)",
        State.CANCELLED: "Cancelled by anna", State.EXPIRED: "No worker took it before it expired",
        State.MISSED: "Missed: 40 s late, and it may start 30 s late at most",
        State.TIMEOUT: "The hard time limit ended it", State.RETRYING: "Attempt 1 asked to be tried again",
    }  # fmt: skip
    runs = {
        state: make_run("busy", state, ago=600 - 40 * number, reason=reasons.get(state, ""), process=worker.pk)
        for number, state in enumerate(State)
    }
    waiting = make_run("busy", State.PENDING, ago=30, waiting=True)
    RunLog.objects.create(run_id=runs[State.SUCCESS].pk, number=1, text="2026-12-01T09:00:00.123Z INFO x: 1\n")
    retention.set_rule("failure", days=90)
    begun = bulk.start("pause", ["busy", "job-late"], by="anna")
    return {
        "busy": quote(busy.pk), "job": quote(busy.pk), "run": str(runs[State.FAILURE].pk),
        "running": str(runs[State.RUNNING].pk), "waiting": str(waiting.pk), "bulk": str(begun.pk),
    }  # fmt: skip


@pytest.mark.parametrize("page", dict.fromkeys([*PAGES, *MORE_PAGES]))
def test_a_page_in_chinese_shows_nothing_in_english_that_is_translated(
    page: str, places: dict[str, str], admin_client: Client
) -> None:
    admin_client.raise_request_exception = True
    response = admin_client.get(page.format(**places), headers={"accept-language": "zh-CN,zh;q=0.9"})
    assert response.status_code == 200
    content = response.content.decode()
    assert Shown(content).language == "zh-hans"
    assert untranslated(content, *DATA) == []


def test_the_sweep_finds_what_is_left_in_english(places: dict[str, str], admin_client: Client) -> None:
    response = admin_client.get(JOBS)
    found = untranslated(response.content.decode(), *DATA)
    assert Shown(response.content.decode()).language == "en"
    assert {"Jobs", "Clear all filters", "every 5 minutes"} & set(found) >= {"Jobs"}
    assert len(found) > 40


def test_an_empty_console_is_chinese_as_well(admin_client: Client) -> None:
    for page in ("/admin/scheduler/", JOBS, RUNS, PROCESSES, JOBS + "upcoming/", "/admin/scheduler/bulkaction/"):
        response = admin_client.get(page, headers={"accept-language": "zh-CN"})
        assert untranslated(response.content.decode(), *DATA) == [], page


def test_dates_numbers_and_durations_are_written_as_in_chinese(admin_client: Client) -> None:
    make_job("report")
    run = make_run("report", ago=3 * 86_400, took=65)
    page = text_of(admin_client.get(f"{RUNS}{run.pk}/change/", headers={"accept-language": "zh-CN"}))
    assert "1 分钟 5 秒" in page
    shown = text_of(admin_client.get(JOBS + "report/change/?tab=runs", headers={"accept-language": "zh-CN"}))
    assert re.search(r"\d{1,2}月\d{1,2}日 \d\d:\d\d:\d\d", shown) and "3 天前" in shown


def test_what_is_wrong_with_a_form_is_said_in_chinese(admin_client: Client, places: dict[str, str]) -> None:
    data = {"id": "new", "task": "tests.app.tasks.add", "schedule-kind": "crontab", "schedule-crontab": "61 * * * *"}
    response = admin_client.post(JOBS + "add/", data, headers={"accept-language": "zh-CN"})
    page = text_of(response)
    assert "的“分”字段中有 &#x27;61&#x27;。可接受：0 到 59。" in page
    assert untranslated(response.content.decode(), *DATA) == []


def test_what_an_action_was_refused_is_said_in_chinese(admin_client: Client) -> None:
    run = make_run("gone", State.SUCCESS)
    response = admin_client.post(
        f"{RUNS}{run.pk}/change/", {"action": "cancel"}, follow=True, headers={"accept-language": "zh-CN"}
    )
    assert f"运行 {run.pk} 无法取消：它已经结束（成功）。" in text_of(response)


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_file_for_programs_is_english_for_everybody(kind: str, admin_client: Client) -> None:
    make_job("report")
    response = admin_client.get(f"{JOBS}?export={kind}", headers={"accept-language": "zh-CN"})
    assert re.search(rf'filename="jobs-[\d-]+\.{kind}"', response.headers["Content-Disposition"])
    assert "every 5 minutes" in b"".join(response.streaming_content).decode()


# -- reasons ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reason", "chinese"),
    [
        ("Cancelled by anna, terminated by bob", "被 anna 取消，被 bob 终止"),
        ("Cancelled by anna; Its worker w@h died", "被 anna 取消；其工作进程 w@h 已崩溃"),
        ("Its worker w@h died; it runs again", "其工作进程 w@h 已崩溃；将再次运行"),
        ("Its process died: signal 9, in the last of 3 attempts", "其进程已崩溃：signal 9（共 3 次尝试中的最后一次）"),
        (
            "Maximum number of running instances reached (2), and one run waits in line",
            "已达到最大同时运行数（2），且已有一个运行在排队",
        ),
        ("Run x can't be retried: its job 'j' is gone.", "运行 x 无法重试：其作业 'j' 已不存在。"),
        ("Its trigger fails: the search for the next firing did not end within the allowed number of steps",
         "其触发器出错：在允许的步数内，对下一次触发的查找没有结束"),
        ("It can't be read: PickleError: x", "无法读取：PickleError: x"),
        ("The database refuses what it plans: DataError: x", "数据库拒绝其计划的内容：DataError: x"),
        ("ValueError: what a task says\nstays", "ValueError: what a task says\nstays"),
        ("", ""),
    ],
)  # fmt: skip
def test_a_stored_reason_is_said_in_chinese(reason: str, chinese: str) -> None:
    with override("zh-hans"):
        assert said(reason) == chinese
    assert said(reason) == reason


FOLDER = Path(scheduler.__file__).parent
REASONS_OF = [*(FOLDER / "engine").glob("*.py"), *(FOLDER / "worker").glob("*.py"), *(FOLDER / "runs").glob("*.py"),
              *(FOLDER / f"{name}.py" for name in ("jobs", "on_demand", "publishing", "jobstate"))]  # fmt: skip
RAISED = ("PlanningError", "RestoreError")


def written_reasons() -> Iterator[str]:
    """Yield each reason that the code writes, with "7" for what it fills in."""
    for path in REASONS_OF:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                given = [each.value for each in node.keywords if each.arg == "reason"]
                if name in RAISED:
                    given += node.args[:1]
                elif name in ("Outcome", "Firing", "_ended", "_lost", "_not_started", "set_aside", "lose"):
                    given += node.args[1:]
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in ("reason", "full"):
                given = [node.value]
            else:
                continue
            for value in given:
                yield from _texts(value)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, ast.BoolOp):
        for each in node.values:
            yield from _texts(each)
    elif isinstance(node, ast.BinOp):
        yield from _texts(node.left)
    elif isinstance(node, ast.Constant | ast.JoinedStr):
        parts = node.values if isinstance(node, ast.JoinedStr) else [node]
        text = "".join(str(part.value) if isinstance(part, ast.Constant) else "7" for part in parts)
        if re.search("[a-z] [a-z]", text):
            yield text


def test_every_reason_that_the_code_writes_is_recognized() -> None:
    found = set(written_reasons())
    assert len(found) > 25
    unknown = {text for text in found if recognized(text) is None}
    assert unknown == set()


def test_every_pattern_of_a_reason_is_still_written_somewhere() -> None:
    others = [path for path in FOLDER.rglob("*.py") if path.name != "reasons.py"]
    code = "\n".join(re.sub(r'"\s*f?"', "", path.read_text()) for path in others)
    for pattern in PATTERNS:
        for part in re.split(r":? ?%\(\w+\)[rs]|an unnamed caller|somebody", pattern):
            assert part.strip() in code, pattern


def test_every_state_that_ends_a_run_has_a_chinese_word() -> None:
    with override("zh-hans"):
        assert [state.label for state in State if state in TERMINAL and state.label.isascii()] == []


# -- choosing ---------------------------------------------------------------------------------------------------------


def test_a_language_is_chosen_with_a_button_and_kept(admin_client: Client) -> None:
    page = admin_client.get(JOBS).content.decode()
    assert '<button name="language" value="zh-hans" lang="zh-hans">简体中文</button>' in page
    answer = admin_client.post("/i18n/setlang/", {"language": "zh-hans", "next": JOBS})
    assert (answer.status_code, answer.headers["Location"]) == (302, JOBS)
    again = admin_client.get(JOBS).content.decode()
    assert Shown(again).language == "zh-hans"
    assert '<button name="language" value="en" lang="en">English</button>' in again and "简体中文" not in again


def test_a_project_with_many_languages_shows_a_list(admin_client: Client, settings: Any) -> None:
    settings.LANGUAGES = [("en", "English"), ("de", "German"), ("fr", "French"), ("it", "Italian"), ("xx", "Unknown")]
    page = admin_client.get(JOBS).content.decode()
    assert '<select name="language"' in page and ">Deutsch</option>" in page and ">Unknown</option>" in page


def test_a_project_with_one_language_or_without_djangos_view_shows_no_choice(
    admin_client: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(languages, "reverse", _no_address)
        assert 'name="language"' not in admin_client.get(JOBS).content.decode()
    assert 'name="language"' in admin_client.get(JOBS).content.decode()
    settings.LANGUAGES = [("en", "English")]
    assert 'name="language"' not in admin_client.get(JOBS).content.decode()


def _no_address(name: str) -> str:
    raise languages.NoReverseMatch(name)
