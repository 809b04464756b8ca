"""Commands, called in this process and as programs."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from scheduler import jobs
from scheduler.models import ScheduledTask

ROOT = Path(__file__).resolve().parents[3]


class Said(str):
    """What a command printed on stdout, and on stderr."""

    stderr: str = ""

    @property
    def document(self) -> Any:
        return json.loads(self)


@pytest.fixture
def call(db: None) -> Callable[..., Said]:
    """Return a function that calls a command in this process and gives what it printed."""

    def run(*arguments: str) -> Said:
        stdout, stderr = io.StringIO(), io.StringIO()
        call_command(*arguments, stdout=stdout, stderr=stderr)
        said = Said(stdout.getvalue())
        said.stderr = stderr.getvalue()
        return said

    return run


@pytest.fixture
def refused(call: Callable[..., Said]) -> Callable[..., str]:
    """Return a function that calls a command which must refuse with exit code 2, and gives the message."""

    def run(*arguments: str) -> str:
        with pytest.raises(CommandError) as caught:
            call(*arguments)
        message = str(caught.value)
        assert caught.value.returncode == 2, message
        assert "\n" not in message
        return message

    return run


@pytest.fixture
def nightly(db: None) -> ScheduledTask:
    """A job that fires at 6:30 in Berlin."""
    return jobs.add_job(
        "tests.app.tasks.add", crontab="30 6 * * *", timezone="Europe/Berlin", id="nightly", args=[1], kwargs={"b": 2}
    )


@pytest.fixture
def manage(transactional_db: None) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return a function that runs `manage.py` as a program, on the test database."""

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=60,
        )

    return run
