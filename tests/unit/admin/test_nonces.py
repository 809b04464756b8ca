"""Scripts and style sheets of the console carry the nonce of the response, where the host's policy has one."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

import django
import pytest
from django.conf import settings
from django.test import Client, override_settings

from tests.app.strict_policy import ASK

from .pages import DASHBOARD, JOBS, PROCESSES, RUNS, UPCOMING, make_job, make_run

pytestmark = pytest.mark.django_db
OURS = re.compile(r'<(?:script|link rel="stylesheet")[^>]*/static/scheduler/[^>]*>')


def pages() -> list[str]:
    make_job("a")
    run = make_run("a")
    job = f"{JOBS}a/"
    return ["/admin/", DASHBOARD, JOBS, RUNS, UPCOMING, PROCESSES, f"{job}change/", f"{job}change/?tab=durations",
            f"{job}edit/", f"{job}run/", f"{RUNS}{run.pk}/change/"]  # fmt: skip


def nonces(client: Client, path: str, **headers: str) -> tuple[set[str], set[str]]:
    """Return the nonces that a page's policy allows, and those of our scripts and of our style sheets outside Media."""
    response = client.get(path, headers=headers)
    told = set(re.findall(r"'nonce-([^']+)'", response.headers.get("Content-Security-Policy", "")))
    found = [element for element in OURS.findall(response.content.decode()) if "media=" not in element]
    assert found, path
    return told, {match[1] if (match := re.search(r'nonce="([^"]+)"', element)) else "" for element in found}


def test_the_nonce_of_a_request_is_on_each_of_them(login: Callable[..., Client]) -> None:
    client = login("add_scheduledtask", "change_scheduledtask", "run_job", "view_arguments")
    for path in pages():
        told, found = nonces(client, path, **{ASK: "yes"})
        assert len(told) == 1 and found == told, path


def test_without_a_policy_of_nonces_there_is_none(boss: Client) -> None:
    for path in (DASHBOARD, JOBS):
        assert nonces(boss, path) == (set(), {""})


@pytest.mark.skipif(django.VERSION < (6, 0), reason="Django has a policy of its own from 6.0 on")
def test_the_nonce_of_djangos_own_policy_is_on_each_of_them(login: Callable[..., Client]) -> None:
    client = login("add_scheduledtask", "change_scheduledtask", "run_job", "view_arguments")
    templates: list[dict[str, Any]] = copy.deepcopy(settings.TEMPLATES)
    templates[0]["OPTIONS"]["context_processors"].append("django.template.context_processors.csp")
    policy = {"default-src": ["'none'"], "script-src": ["<CSP_NONCE_SENTINEL>"]}
    middleware = ["django.middleware.csp.ContentSecurityPolicyMiddleware", *settings.MIDDLEWARE]
    middleware.remove("project.middleware.ContentSecurityPolicyMiddleware")
    with override_settings(TEMPLATES=templates, SECURE_CSP=policy, MIDDLEWARE=middleware):
        for path in pages():
            told, found = nonces(client, path)
            assert len(told) == 1 and found == told, path
