"""Who may do what: every address of the app, every method and action, held against sets of permissions.

An address that is missing in `ADDRESSES` fails a test: whoever adds a page says there who may open it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.core.management.sql import emit_post_migrate_signal
from django.db import DEFAULT_DB_ALIAS
from django.test import Client
from django.urls import URLPattern, reverse

from scheduler import clock
from scheduler.groups import GROUPS, OPERATOR, VIEWER
from scheduler.models import BulkAction, RetentionRule, RunLog, ScheduledTask, ServiceProcess, State, TaskRun

from . import job_forms
from .job_forms import edit_url, greeting, opened
from .pages import make_job, make_run

NOBODY = frozenset({"nobody"})
"""What no permission allows."""
OF_SOME_OBJECTS = ("run_job_with_arguments",)
"""What is needed for some objects only: here for a run with other arguments than its job has."""
OF_NO_OBJECT = ("changelist", "add", "arguments", "preview", "")
"""Views whose addresses name no object."""
CHANGING = ("add", "change", "delete")


@dataclass(frozen=True)
class Ask:
    """One request, and the permissions that it needs, all of them; of those with | between them, any one."""

    name: str
    needs: frozenset[str]
    method: str = "get"
    data: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} {self.name} {self.data.get('action') or self.data.get('export', '')}".strip()


def get(name: str, *needs: str, **data: str) -> Ask:
    return Ask(name, frozenset(needs), data=data)


def post(name: str, *needs: str, **data: str) -> Ask:
    return Ask(name, frozenset(needs), "post", data)


def page_and_list(model: str, *, add: frozenset[str] = NOBODY, **actions: tuple[str, ...]) -> list[Ask]:
    """Return the asks of a model that is shown and acted upon, and that nobody changes or deletes by Django's forms."""
    view = f"view_{model}" if model == "bulkaction" else f"view_{model}|change_{model}"
    asks = [
        get(f"{model}_changelist", view), post(f"{model}_changelist", view), get(f"{model}_change", view),
        get(f"{model}_history", view), get(f"{model}_add", *add), post(f"{model}_add", *add),
        get(f"{model}_delete", *NOBODY), post(f"{model}_delete", *NOBODY, post="yes"),
    ]  # fmt: skip
    for action, needs in actions.items():
        asks += [
            post(
                f"{model}_changelist", view, *needs, action=action, index="0", _selected_action="{key}", confirmed="yes"
            ),
            post(f"{model}_changelist", view, *needs, action=action, index="0", select_across="1", confirmed="yes"),
        ]
        if action != "run_with":
            asks.append(post(f"{model}_change", view, *needs, action=action, confirmed="yes"))
    return asks


JOBS, RUNS = "view_scheduledtask|change_scheduledtask", "view_taskrun|change_taskrun"
RULES = "view_retentionrule|change_retentionrule"
EDITORS = "add_scheduledtask|change_scheduledtask"
ASKS = [
    *page_and_list(
        "scheduledtask", add=frozenset({"add_scheduledtask"}), run_now=("run_job",), run_with=("run_job",),
        pause=("pause_job",), resume=("pause_job",), remove=("delete_scheduledtask",),
    ),
    get("scheduledtask_changelist", JOBS, export="csv"),
    get("scheduledtask_changelist", JOBS, export="json"),
    get("scheduledtask_edit", "change_scheduledtask"),
    post("scheduledtask_edit", "change_scheduledtask"),
    post("scheduledtask_arguments", EDITORS),
    post("scheduledtask_preview", EDITORS),
    get("upcoming", JOBS),
    get("scheduledtask_run", "run_job"),
    post("scheduledtask_run", "run_job", overlap="queue"),
    *page_and_list("taskrun", cancel=("cancel_run",), run_again=("run_job", "run_job_with_arguments")),
    get("taskrun_changelist", RUNS, export="csv"),
    get("taskrun_changelist", RUNS, export="json"),
    get("taskrun_short", RUNS),
    get("taskrun_log", RUNS, "view_logs"),
    get("taskrun_log_file", RUNS, "view_logs"),
    get("taskrun_terminate", RUNS, "cancel_run"),
    post("taskrun_terminate", RUNS, "cancel_run", attempt="1"),
    get("taskrun_again", RUNS, "run_job"),
    post("taskrun_again", RUNS, "run_job", "run_job_with_arguments", overlap="queue"),
    *page_and_list("bulkaction"),
    get("retentionrule_changelist", RULES),
    get("retentionrule_change", RULES),
    get("retentionrule_set", "change_retentionrule"),
    post("retentionrule_set", "change_retentionrule", days="1", keep="0", log_days="1"),
    get("retentionrule_drop", "delete_retentionrule"),
    post("retentionrule_drop", "delete_retentionrule"),
    get("serviceprocess_changelist", "view_serviceprocess|change_serviceprocess"),
]  # fmt: skip
OPEN = {"scheduler_times"}
"""Those that every member of staff may use: they change nothing but a cookie."""
WITHOUT_PAGES = {f"serviceprocess_{view}" for view in ("change", "add", "delete", "history")}
"""Those that Django makes and that show nothing."""


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """One object of each model; the run of the page has ended, with other arguments than its job has."""
    make_job("a", args=[1])
    run = make_run("a", args=[2])
    running = make_run("a", State.RUNNING, ago=5)
    RunLog.objects.create(run=run, number=1, text="2026-12-01T09:00:00.123Z INFO     said\n")
    now = clock.now()
    process = ServiceProcess.objects.create(kind="worker", name="w", host="h", pid=1, started_at=now, heartbeat_at=now)
    bulk = BulkAction.objects.create(action="cancel", total=1, requested_by="ann")
    return {
        "scheduledtask": "a",
        "taskrun": run.pk,
        "running": running.pk,
        "bulkaction": bulk.pk,
        "serviceprocess": process.pk,
        "retentionrule": RetentionRule.objects.create(state="failure", days=90, keep=0, log_days=90).pk,
    }


def address(ask: Ask, rows: dict[str, Any]) -> str:
    model, _, view = ask.name.partition("_")
    key: Any = rows["running"] if view == "terminate" or ask.data.get("action") == "cancel" else rows.get(model)
    if view == "short":
        key = key.hex[:12]
    if model == "retentionrule" and view in ("set", "drop"):
        key = "failure"
    return reverse(f"admin:scheduler_{ask.name}", args=[] if view in OF_NO_OBJECT else [key])


def send(client: Client, ask: Ask, rows: dict[str, Any]) -> Any:
    key = rows["running"] if ask.data.get("action") == "cancel" else rows.get(ask.name.partition("_")[0])
    data = {name: value.format(key=key) for name, value in ask.data.items()}
    return getattr(client, ask.method)(address(ask, rows), data)


def everything() -> list[Any]:
    models = (ScheduledTask, TaskRun, BulkAction, RunLog, RetentionRule)
    return [list(model.objects.order_by("pk").values()) for model in models]


def may_not(client: Client, ask: Ask, rows: dict[str, Any], refused: tuple[int, ...] = (403,)) -> None:
    before = everything()
    assert send(client, ask, rows).status_code in refused
    assert everything() == before


def others_than(permissions: str) -> list[str]:
    """Return all permissions of the app but those with | between them."""
    every = Permission.objects.filter(content_type__app_label="scheduler").values_list("codename", flat=True)
    return [codename for codename in every if codename not in permissions.split("|")]


def lacking(ask: Ask, granted: Iterable[str]) -> set[str]:
    """Return what a request needs and is not among the permissions that are granted."""
    return {needed for needed in ask.needs if not set(needed.split("|")) & set(granted)}


@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_each_request_needs_each_of_its_permissions(
    login: Callable[..., Client], rows: dict[str, Any], ask: Ask
) -> None:
    for permission in ask.needs:
        refused = (
            (200, 302) if permission in OF_SOME_OBJECTS else (403,)
        )  # it is said on the page which object needs it
        may_not(login(*others_than(permission), view=False), ask, rows, refused)


@pytest.mark.parametrize("ask", [ask for ask in ASKS if ask.needs != NOBODY], ids=str)
def test_each_request_needs_no_others(login: Callable[..., Client], rows: dict[str, Any], ask: Ask) -> None:
    for choice in range(2):
        needs = [needed.split("|")[choice % len(needed.split("|"))] for needed in ask.needs]
        assert send(login(*needs, view=False), ask, rows).status_code in (200, 302), needs


@pytest.mark.parametrize("name", [*GROUPS, "superuser"])
def test_the_ready_groups_may_what_they_are_for(login: Callable[..., Client], rows: dict[str, Any], name: str) -> None:
    emit_post_migrate_signal(verbosity=0, interactive=False, db=DEFAULT_DB_ALIAS)
    granted = {"superuser": others_than("none"), "Scheduler viewers": VIEWER, "Scheduler operators": OPERATOR}[name]
    client = login(*granted, view=False)
    for ask in ASKS:
        missing = lacking(ask, granted)
        if missing - set(OF_SOME_OBJECTS):
            may_not(client, ask, rows)
        elif ask.method == "get" and not missing:
            assert send(client, ask, rows).status_code in (200, 302), ask


@pytest.mark.parametrize("ask", ASKS, ids=str)
def test_whoever_is_not_logged_in_is_sent_to_do_so(rows: dict[str, Any], ask: Ask) -> None:
    before = everything()
    answer = send(Client(), ask, rows)
    assert answer.status_code == 302 and answer["Location"].startswith("/admin/login/")
    assert everything() == before


@pytest.mark.parametrize("ask", [ask for ask in ASKS if ask.method == "post"], ids=str)
def test_a_post_needs_its_csrf_token(login: Callable[..., Client], rows: dict[str, Any], ask: Ask) -> None:
    login(*others_than("none"))
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = login(*others_than("none")).cookies
    may_not(strict, ask, rows)


@pytest.mark.parametrize("ask", [ask for ask in ASKS if ask.method == "get"], ids=str)
def test_a_get_changes_nothing(boss: Client, rows: dict[str, Any], ask: Ask) -> None:
    before = everything()
    for data in ({}, {"action": "cancel", "confirmed": "yes", "_selected_action": str(rows["running"]), "index": "0"}):
        boss.get(address(ask, rows), {**ask.data, **data})
    assert everything() == before


def test_every_address_of_the_app_is_held_against_permissions() -> None:
    known = {f"scheduler_{ask.name}" for ask in ASKS} | OPEN | {f"scheduler_{name}" for name in WITHOUT_PAGES}
    ours = [found for model, found in admin.site._registry.items() if model._meta.app_label == "scheduler"]
    names = {pattern.name for found in ours for pattern in found.get_urls() if isinstance(pattern, URLPattern)}
    assert sorted(name for name in names - known if name) == []
    assert sorted(known - names) == []


def test_every_action_is_held_against_permissions() -> None:
    for model, found in admin.site._registry.items():
        if model._meta.app_label == "scheduler":
            name = str(model._meta.model_name)
            asked = {ask.data.get("action") for ask in ASKS if ask.name.startswith(name)}
            assert set(found.actions or ()) - asked == set(), name


@pytest.mark.parametrize("view", ["change", "add", "delete", "history"])
def test_processes_have_no_pages_of_their_own(boss: Client, rows: dict[str, Any], view: str) -> None:
    args = [] if view == "add" else [rows["serviceprocess"]]
    expected = {"change": (404,), "add": (403,), "delete": (403,), "history": (200,)}[view]
    assert boss.get(reverse(f"admin:scheduler_serviceprocess_{view}", args=args)).status_code in expected


def test_what_a_job_is_and_was_given_is_for_those_who_may_see_arguments(
    login: Callable[..., Client], editor: Client
) -> None:
    greeting(args=["given-1"])
    make_run("hello", args=["given-1"])
    job_forms.send(editor, edit_url("hello"), opened(editor, edit_url("hello")), arguments__value_name="given-2")
    assert ScheduledTask.objects.get().args == ["given-2"]
    viewer, seen = login(), login("view_arguments")
    for page in ("scheduledtask_change", "scheduledtask_history", "scheduledtask_changelist", "upcoming"):
        path = address(get(page), {"scheduledtask": "hello"})
        assert "given-" not in viewer.get(path).content.decode(), page
    assert "given-2" in seen.get(address(get("scheduledtask_change"), {"scheduledtask": "hello"})).content.decode()


@pytest.mark.parametrize("kept", CHANGING)
def test_djangos_own_permissions_to_change_give_no_way_to_change_by_hand(
    login: Callable[..., Client], rows: dict[str, Any], kept: str
) -> None:
    models = ("taskrun", "bulkaction", "serviceprocess")
    client = login(*(f"{kept}_{model}" for model in models))
    before = everything()
    for model in models:
        for view in ("add", "delete", "change"):
            path = reverse(f"admin:scheduler_{model}_{view}", args=[] if view == "add" else [rows[model]])
            client.post(path, {"post": "yes", "state": "success", "_save": "Save"})
    assert everything() == before
