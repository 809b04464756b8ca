"""A real web server, scheduler and worker over the test database, and a headless Chromium that looks at them."""

from __future__ import annotations

import shutil
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connections
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

from scheduler.groups import OPERATOR, VIEWER
from tests.cluster import Cluster
from tests.integration.conftest import broker, clusters, database, pytest_runtest_makereport
from tests.programs import free_port
from tests.servers import Valkey
from tests.waiting import wait_for

__all__ = ["broker", "database", "pytest_runtest_makereport"]  # fixtures and a hook that the tests here use as well

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
MISSING = "No Chromium is installed (on Debian and Ubuntu: apt install chromium)"
PASSWORD = "correct horse battery staple"
NOBODY = ""
PEOPLE = {
    "viewer": VIEWER,
    "operator": OPERATOR,
    "editor": (*VIEWER, "view_arguments", "add_scheduledtask", "change_scheduledtask"),
    "boss": (*OPERATOR, *(f"{verb}_{model}" for verb in ("add", "change", "delete")
                          for model in ("scheduledtask", "retentionrule"))),
}  # fmt: skip

Open = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.nodeid:
            item.add_marker("browser")


@pytest.fixture(scope="package")
def chromium() -> str:
    """The browser's path. On the machine that decides about a change it has to be there."""
    if CHROMIUM is None:
        pytest.fail(f"{MISSING}; with CI=true the browser tests have to run.", pytrace=False)
    return CHROMIUM


@pytest.fixture(scope="package")
def people(chromium: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Members of staff with the rights that `PEOPLE` gives them."""
    with django_db_blocker.unblock():
        for name, codenames in PEOPLE.items():
            user = User.objects.create_user(name, password=PASSWORD, is_staff=True)
            rights = Permission.objects.filter(content_type__app_label="scheduler", codename__in=codenames)
            user.user_permissions.set(rights)
    yield
    with django_db_blocker.unblock():
        User.objects.filter(username__in=PEOPLE).delete()


@pytest.fixture(scope="package")
def address(
    people: None, broker: Valkey, django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of a web server as `make run` starts it, with one scheduler and one worker behind it."""
    port = free_port()
    cluster = Cluster(tmp_path_factory.mktemp("browser"))
    clusters.append(cluster)
    try:
        with django_db_blocker.unblock():
            worker = cluster.worker(concurrency=3, wait=False)
            gunicorn = f"-m gunicorn project.wsgi --bind 127.0.0.1:{port} --threads 4 --no-control-socket"
            web = cluster.start("web", [*gunicorn.split(), "--log-level", "warning"])
            cluster.scheduler()
            wait_for(lambda: cluster._ready(worker), what="the worker to be ready", timeout=30)
            wait_for(lambda: _answers(f"http://127.0.0.1:{port}/healthz"), what=f"{web} to answer", timeout=30)
        yield f"http://127.0.0.1:{port}"
    finally:
        cluster.end()
        clusters.remove(cluster)


def _answers(address: str) -> bool:
    with urllib.request.urlopen(address, timeout=5) as answer:
        return bool(answer.status == 200)


@pytest.fixture(scope="package")
def browser(chromium: str, address: str) -> Iterator[Browser]:
    """Chromium. While it runs, Django takes every call for an asynchronous one: Playwright has an event loop."""
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        found = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield found
        connections.close_all()  # those of the time with an event loop, which nobody finds any more afterwards
        found.close()


@pytest.fixture(scope="package")
def sessions() -> dict[str, Any]:
    """The cookies of everybody who has logged in."""
    return {}


@pytest.fixture
def open_as(browser: Browser, address: str, sessions: dict[str, Any], database: None) -> Iterator[Open]:
    """Return a function that opens a page as one of `PEOPLE`, or as `NOBODY` who has logged in.

    What the browser complains about fails the test.
    """
    complaints: list[str] = []
    contexts = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):  # what the Content-Security-Policy forbids is among the errors
            complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def note_failed(request: Request) -> None:
        if request.failure != "net::ERR_ABORTED":  # a page that is left drops the refresh that was under way
            complaints.append(f"failed: {request.url} {request.failure}")

    def open_page(name: str, path: str, **options: Any) -> Page:
        context = browser.new_context(base_url=address, storage_state=sessions.get(name), **options)
        context.set_default_timeout(20_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: complaints.append(f"exception: {error}"))
        page.on("requestfailed", note_failed)
        if name and name not in sessions:
            log_in(page, name)
            sessions[name] = context.storage_state()
        page.goto(path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []


def log_in(page: Page, name: str, password: str = PASSWORD) -> None:
    """Fill in the admin's login form."""
    page.goto("/")
    page.get_by_label("Username").fill(name)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()
