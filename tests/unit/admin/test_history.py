"""The history of a job's changes: who, when, before and after; in Django's own words and on the job's page."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.utils import translation

from scheduler import add_job, clock
from scheduler.admin import history
from scheduler.models import ScheduledTask

from .job_forms import ADD, GREET, edit_url, greeting, opened, send
from .pages import JOBS, make_job, text_of

EDIT = edit_url("hello")


def shown(job_id: str = "hello", **more: Any) -> list[dict[str, Any]]:
    return history.history(job_id, clock.now(), **{"with_arguments": True, **more})


def test_a_change_is_kept_field_by_field_and_reads_well_in_both_places(editor: Client) -> None:
    greeting()
    send(editor, EDIT, opened(editor, EDIT), queue="long", overlap="allow", schedule__every="10", tags="a, b",
         expires="1.5", run_at_start="on", arguments__value_name="bob")  # fmt: skip
    [entry] = shown()
    assert entry["who"] == "user-0" and entry["when"] and not entry["text"]
    assert [(change["label"], change["before"], change["after"]) for change in entry["changes"]] == [
        ("positional arguments", '["ann"]', '["bob"]'),
        ("schedule", "every 5 minutes (UTC)", "every 10 minutes (UTC)"),
        ("queue", "nothing", "long"),
        ("expires after (s)", "nothing", "1.5"),
        ("if a run is still going", "skip it", "run both"),
        ("run when the scheduler service starts", "no", "yes"),
        ("tags", "nothing", "a, b"),
    ]
    page = editor.get(JOBS + "hello/change/").content.decode()
    assert "<del>skip it</del>" in page and "<ins>run both</ins>" in page
    own = text_of(editor.get(JOBS + "hello/history/"))
    assert "Queue nothing → changed to long" in own
    assert "Positional arguments [&quot;ann&quot;] → changed to [&quot;bob&quot;]" in own


def test_added_and_actions_are_in_it_too(editor: Client, login: Callable[..., Client]) -> None:
    data = opened(editor, f"{ADD}?task={GREET}") | {"arguments-value_name": "x", "id": "hello"}
    send(editor, ADD, data)
    operator = login("pause_job", "run_job")
    for action in ("pause", "resume", "run_now"):
        operator.post(JOBS + "hello/change/", {"action": action})
    texts = [entry["text"] or [(c["before"], c["after"]) for c in entry["changes"]] for entry in shown()]
    assert texts == ["Run asked for.", [("paused", "scheduled")], [("scheduled", "paused")], "Added."]
    assert [entry["who"] for entry in shown()] == ["user-1"] * 3 + ["user-0"]


def test_secrets_are_not_in_the_log(editor: Client) -> None:
    add_job(
        "tests.app.typed_tasks.log_in", "interval", minutes=5, id="hello", kwargs={"user": "a", "password": "old-one"}
    )
    send(editor, EDIT, opened(editor, EDIT), arguments__value_password="new-one")
    send(editor, EDIT, opened(editor, EDIT), arguments__value_user="b")
    log = " ".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "old-one" not in log and "new-one" not in log
    [second, first] = shown()
    assert first["changes"][0]["note"] == "a secret was changed"
    assert second["changes"][0]["after"] == '{"user": "b", "password": "*****"}'


def test_who_may_not_see_arguments_learns_only_that_they_changed(editor: Client, login: Callable[..., Client]) -> None:
    greeting()
    send(editor, EDIT, opened(editor, EDIT), arguments__value_name="bob")
    [entry] = shown(with_arguments=False)
    assert entry["changes"] == [
        {"label": "positional arguments", "before": "", "after": "", "note": "changed; you may not see arguments"}
    ]
    viewer = login()
    own = text_of(viewer.get(JOBS + "hello/history/"))
    assert "bob" not in own and "changed; you may not see arguments" in own
    assert "Changes" in text_of(viewer.get(JOBS + "hello/change/"))


def test_a_long_value_is_cut(editor: Client) -> None:
    greeting(description="x" * 5_000)
    send(editor, EDIT, opened(editor, EDIT), description="y")
    assert len(LogEntry.objects.get().change_message) < 5_000 and shown()[0]["changes"][0]["before"].endswith("…")


def entry(message: str, **more: Any) -> None:
    kind = ContentType.objects.get_for_model(ScheduledTask)
    user = User.objects.first() or User.objects.create_user("ann")
    LogEntry.objects.create(
        **{
            "user": user,
            "content_type": kind,
            "object_id": "hello",
            "action_flag": 2,
            "change_message": message,
            **more,
        }
    )


@pytest.mark.django_db
@pytest.mark.parametrize(
    "message",
    ["", "plain <b>", "[", "[1]", '[{"difference": 1}]', '[{"difference": [["queue"]]}]', "[[]]",
     '[{"changed": {"fields": ["x"]}, "difference": [["pk", 1, 2], [["a"], 1, 2], ["kwargs", "[cut", {}]]}]'],
)  # fmt: skip
def test_entries_of_others_do_no_harm(message: str) -> None:
    entry(message)
    assert len(shown()) == 1


@pytest.mark.django_db
def test_all_that_was_done_stands_on_pages_the_newest_first(boss: Client) -> None:
    make_job("hello")
    assert "Nobody has changed it in the admin yet." in text_of(boss.get(JOBS + "hello/history/"))
    for number in range(101):
        entry(f"change {number}.")
    first, second = (text_of(boss.get(JOBS + "hello/history/" + query)) for query in ("", "?p=2"))
    assert first.index("change 100.") < first.index("change 99.") < first.index("change 1.")
    assert "change 0." not in first and "Older" in first and "Newer" not in first
    assert "change 0." in second and "change 1." not in second and "Newer" in second and "Older" not in second
    assert text_of(boss.get(JOBS + "hello/history/?p=x")) == first


@pytest.mark.django_db
def test_the_history_of_a_job_that_is_not_there_leads_to_the_list(boss: Client) -> None:
    assert "There is no job “ghost”" in text_of(boss.get(JOBS + "ghost/history/", follow=True))


@pytest.mark.django_db
def test_it_is_read_in_the_language_of_the_reader() -> None:
    entry(json.dumps(history.moved(make_job("hello"), make_job("held", paused_at=clock.now()))))
    with translation.override("de"):  # Django's own words; ours come with our translations
        assert shown()[0]["changes"][0]["after"] == "paused"
    assert LogEntry.objects.get().get_change_message() == "Changed state: scheduled → paused."


@pytest.mark.django_db
def test_the_newest_ten_are_shown_with_few_queries_however_long_the_log(
    django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(15):
        entry(f"number {number}")
        entry("of another", object_id="other")
    shown()  # knows the content type from now on
    with django_assert_num_queries(2):
        found = shown()
    assert [each["text"] for each in found] == [f"number {number}" for number in range(14, 4, -1)]
    assert found[-1]["more"]
    monkeypatch.setattr(history, "LOOKED_AT", 5)
    assert len(shown()) == 2
