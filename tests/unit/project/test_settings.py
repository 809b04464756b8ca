"""The settings module as separate processes see it, and what the web process sends with each page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

SHOW = """
import json, sys
from django.conf import settings
print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}, default=str))
"""
PRODUCTION = {
    "SECRET_KEY": "k3y-" * 20 + "abcdefghij",
    "ALLOWED_HOSTS": "tickwork.example.com",
    "DATABASE_URL": "postgres://tickwork:hunter2@db.example.com/tickwork",
    "BROKER_URL": "redis://:hunter2@broker.example.com:6379/0",
    "BEHIND_PROXY": "1",
}


def python(tmp_path: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project with nothing in its environment but what is given."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=settings.BASE_DIR,
        env={
            "PATH": os.environ["PATH"],
            "VAR_DIR": str(tmp_path / "var"),
            "DJANGO_SETTINGS_MODULE": "project.settings",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def read(tmp_path: Path, *names: str, **environment: str) -> dict[str, Any]:
    shown = python(tmp_path, "-c", SHOW, *names, **environment)
    assert shown.returncode == 0, shown.stderr
    return dict(json.loads(shown.stdout))


def test_a_trial_is_not_in_debug_mode_and_serves_only_this_machine(tmp_path: Path) -> None:
    shown = read(tmp_path, "DEBUG", "ALLOWED_HOSTS", "SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "TIME_ZONE")
    assert shown == {
        "DEBUG": False,
        "ALLOWED_HOSTS": ["localhost", "127.0.0.1", "[::1]"],
        "SECURE_SSL_REDIRECT": False,
        "SESSION_COOKIE_SECURE": False,
        "TIME_ZONE": "UTC",
    }


def test_production_is_https_only_unless_told_otherwise(tmp_path: Path) -> None:
    names = ["SECURE_SSL_REDIRECT", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"]
    assert all(read(tmp_path, *names, **PRODUCTION).values())
    assert not any(read(tmp_path, *names, **PRODUCTION, SECURE="0").values())


def test_djangos_deployment_check_is_clean_with_production_settings(tmp_path: Path) -> None:
    check = python(tmp_path, "manage.py", "check", "--deploy", "--fail-level", "WARNING", **PRODUCTION)
    assert check.returncode == 0, check.stderr


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "mysql://user:hunter2@host/db"),
        ("BROKER_URL", "amqp://user:hunter2@host//"),
        ("TIME_ZONE", "Europe/Berln"),
        ("DEBUG", "maybe"),
        ("PORT", "eighty"),
        ("ALLOWED_HOSTS", "tickwork.example.com"),
    ],
)
def test_a_bad_variable_is_one_line_and_exit_code_2(name: str, value: str, tmp_path: Path) -> None:
    for program in (["manage.py", "check"], ["-m", "celery", "-A", "project", "worker"]):
        refused = python(tmp_path, *program, **{name: value})
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1
        assert name in refused.stderr
        assert "hunter2" not in refused.stderr


def test_a_database_that_does_not_answer_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    refused = python(tmp_path, "manage.py", "migrate", DATABASE_URL="postgres://user:hunter2@127.0.0.1:1/db")
    assert refused.returncode == 2
    assert refused.stderr.startswith("Error: DATABASE_URL: 'postgres://user:***@127.0.0.1:1/db' can't be used")
    assert len(refused.stderr.strip().splitlines()) == 1


def test_a_wrong_key_of_scheduler_is_named_with_its_neighbour(tmp_path: Path) -> None:
    code = (
        "import project.settings as s; s.SCHEDULER['POL_INTERVAL'] = 1\n"
        "import sys; from django.core.management import execute_from_command_line as run; run(['manage.py', 'check'])"
    )
    refused = python(tmp_path, "-c", code)
    assert refused.returncode == 1
    assert "scheduler.E001" in refused.stderr
    assert "POLL_INTERVAL" in refused.stderr


def test_no_socket_to_the_broker_waits_for_ever() -> None:
    options = settings.CELERY_BROKER_TRANSPORT_OPTIONS
    assert options["socket_timeout"] > 0
    assert options["socket_connect_timeout"] > 0
    assert settings.CELERY_BROKER_CONNECTION_MAX_RETRIES is None


@pytest.mark.django_db
def test_the_front_page_leads_to_the_admin_under_a_strict_policy(client: Client) -> None:
    assert client.get("/").headers["Location"] == "/admin/"
    page = client.get("/admin/login/")
    assert page.status_code == 200
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"
