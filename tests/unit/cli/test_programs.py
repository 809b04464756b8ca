"""Commands as programs: exit codes, and what is on stdout and stderr."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from scheduler import jobs, runs
from scheduler.models import State, TaskRun
from tests.unit.cli.conftest import ROOT
from tests.waiting import wait_for

NOTHING = "tests.app.tasks.do_nothing"


def test_a_job_is_added_shown_and_listed(manage: Any) -> None:
    added = manage("jobs", "add", "x", "--task", NOTHING, "--every", "5m", "--json")
    assert (added.returncode, added.stderr) == (0, "")
    assert manage("jobs", "show", "x", "--json").stdout == added.stdout
    assert json.loads(manage("jobs", "list", "--json").stdout) == [json.loads(added.stdout)]


@pytest.mark.parametrize("more", [[], ["--json"]])
def test_refused_input_is_one_line_and_exit_code_2(manage: Any, more: Any) -> None:
    said = manage("jobs", "add", "x", "--task", "nobody.knows", "--every", "5m", *more)
    assert said.returncode == 2
    assert said.stdout == ""
    assert said.stderr.startswith("Error: task: 'nobody.knows' is not a registered Celery task.")
    assert said.stderr.count("\n") == 1


def test_a_mistyped_option_ends_with_exit_code_2(manage: Any) -> None:
    said = manage("jobs", "add", "x", "--task", NOTHING, "--ever", "5m")
    assert (said.returncode, said.stdout) == (2, "")
    assert "Traceback" not in said.stderr


def test_an_empty_database_is_one_line_and_exit_code_1(manage: Any, tmp_path: Path) -> None:
    said = manage("runs", "list", "--json", DATABASE_URL=f"sqlite:///{tmp_path}/empty.sqlite3")
    assert (said.returncode, said.stdout) == (1, "")
    assert said.stderr.endswith("Run `manage.py migrate` first.\n")
    assert said.stderr.count("\n") == 1


def test_a_database_out_of_reach_is_one_line_and_exit_code_1(manage: Any) -> None:
    url = "postgres://anna:sesame@127.0.0.1:1/store"
    for command in (
        ["jobs", "list", "--json"],
        ["runs", "list", "--json"],
        ["syncjobs", "--json"],
        ["prune", "--json"],
    ):
        said = manage(*command, DATABASE_URL=url)
        assert (said.returncode, said.stdout) == (1, "")
        assert said.stderr.startswith("Error: The database 'store' can't be used: ")
        assert said.stderr.count("\n") == 1
        assert "sesame" not in said.stderr


def test_health_of_a_database_out_of_reach_is_a_document_and_exit_code_1(manage: Any) -> None:
    said = manage("schedulerhealth", "--json", DATABASE_URL="postgres://anna:sesame@127.0.0.1:1/store")
    assert said.returncode == 1
    document = json.loads(said.stdout)
    assert [problem["code"] for problem in document["problems"]][-1:] == ["database"]
    assert "sesame" not in said.stdout


def test_a_reader_that_has_seen_enough_disturbs_nobody(manage: Any) -> None:
    for number in range(300):
        jobs.add_job(NOTHING, "interval", minutes=1, id=f"job-{number}", description="x" * 200)
    line = f"{sys.executable} manage.py jobs list --json | head -c 10; echo; echo ${{PIPESTATUS[0]}}"
    said = subprocess.run(["bash", "-c", line], cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=60)
    assert said.stderr == ""
    assert said.stdout.splitlines()[-1] == "0"


def test_a_terminal_that_knows_only_ascii_gets_escapes(manage: Any) -> None:
    manage("jobs", "add", "x", "--task", NOTHING, "--every", "5m", "--description", "你好")
    shown = manage("jobs", "show", "x", PYTHONIOENCODING="ascii")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "\\u4f60\\u597d" in shown.stdout
    assert manage("jobs", "show", "x", "--json", PYTHONIOENCODING="ascii").returncode == 0


@pytest.mark.parametrize(("state", "code"), [(State.SUCCESS, 0), (State.FAILURE, 1)])
def test_waiting_for_a_run_ends_with_how_it_ended(manage: Any, state: str, code: int) -> None:
    jobs.add_job(NOTHING, "interval", hours=1, id="x")
    command = [sys.executable, "manage.py", "jobs", "run", "x", "--wait", "--timeout", "30s", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, text=True) as program:
        run = wait_for(lambda: TaskRun.objects.filter(job_id="x").first())
        claimed = runs.claim(connection, str(run.id), 1, NOTHING, worker="w", process=None, pid=1, now=run.scheduled_at)
        assert claimed is not None
        assert runs.finish(connection, str(run.id), 1, runs.Outcome(state))
        stdout, _ = program.communicate(timeout=30)
    assert program.returncode == code
    assert json.loads(stdout)["state"] == state
