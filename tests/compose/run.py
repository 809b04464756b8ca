"""`make test-compose`: builds and starts the stack of docker-compose.yml, hurts it and watches it go on.

Needs only Python and a Docker engine with compose. Uses a project, an image and a port of its own, and removes them.
"""

from __future__ import annotations

import http.cookiejar
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
NAME = f"tickwork-test-{os.getpid()}"
JOB = "compose-tick"
TASK = "tasks.print_time"


class Stack:
    """The running stack, seen from outside: its containers through compose, its pages over HTTP."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        settings = ("DATABASE_URL", "BROKER_URL", "SECRET_KEY", "ALLOWED_HOSTS", "SECURE", "BEHIND_PROXY", "DEBUG")
        self.env = {name: value for name, value in os.environ.items() if name not in settings}
        self.env |= {
            "PORT": str(self.port),
            "TICKWORK_TAG": NAME,
            "COMPOSE_PROGRESS": "quiet",
            "BUILDX_NO_DEFAULT_ATTESTATIONS": "1",
        }

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run `docker compose …` without the .env file of this folder; return what it printed."""
        done = subprocess.run(
            ["docker", "compose", "--env-file", os.devnull, "-p", NAME, *arguments],
            cwd=ROOT,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        if check and done.returncode:
            raise Failed(
                f"docker compose {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
            )
        return done.stdout

    def up(self) -> None:
        """Start everything and wait until all health checks are green."""
        self.compose("up", "-d", "--build", "--wait", "--wait-timeout", "300", "--scale", "worker-default=2")

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """Return the containers, also those that have ended."""
        lines = self.compose("ps", "--all", "--format", "json", *([service] if service else [])).strip().splitlines()
        return [json.loads(line) for line in lines]

    def manage(self, *arguments: str) -> Any:
        """Run `manage.py … --json` in the web container; return the document."""
        return json.loads(self.compose("exec", "-T", "web", "python", "manage.py", *arguments, "--json"))

    def successes(self) -> list[dict[str, Any]]:
        """Return the job's successful runs, newest first."""
        runs = self.manage("runs", "list", "--job", JOB, "--state", "success", "--limit", "1000")
        return list(runs)

    def log_in(self, username: str, password: str) -> Browser:
        """Log in on the admin's login page."""
        browser = Browser(f"http://127.0.0.1:{self.port}")
        page = browser.get("/admin/login/?next=/admin/")
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, "the login page has no form"
        fields = {"username": username, "password": password, "csrfmiddlewaretoken": token[1], "next": "/admin/"}
        if "/admin/logout/" not in browser.post("/admin/login/?next=/admin/", fields):
            raise Failed("The login of `docker compose logs migrate` was refused.")
        return browser


class Browser:
    """A session of the admin over HTTP."""

    def __init__(self, origin: str) -> None:
        self.origin = origin
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.opener = urllib.request.build_opener(cookies, urllib.request.ProxyHandler({}))

    def get(self, path: str) -> str:
        """Return the page."""
        with self.opener.open(self.origin + path, timeout=30) as answer:
            return str(answer.read().decode())

    def post(self, path: str, fields: dict[str, str]) -> str:
        """Send a form; return the page that it leads to."""
        request = urllib.request.Request(
            self.origin + path, urllib.parse.urlencode(fields).encode(), {"Referer": self.origin + path}
        )
        with self.opener.open(request, timeout=30) as answer:
            return str(answer.read().decode())


class Failed(Exception):
    """The stack did not do what it should."""


def missing() -> str:
    """Return what this machine lacks, or nothing."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    for command, lack in (("info", "no Docker engine answers"), ("compose version", "docker compose is not installed")):
        asked = subprocess.run(["docker", *command.split()], capture_output=True, timeout=60, check=False)
        if asked.returncode:
            return lack
    return ""


def step(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def until(what: str, look: Callable[[], Any], seconds: float = 90) -> Any:
    """Look again and again until there is something; return it."""
    end = time.monotonic() + seconds
    while not (seen := look()):
        if time.monotonic() > end:
            raise Failed(f"Not within {seconds:g} s: {what}.")
        time.sleep(0.5)
    return seen


def green_row(page: str) -> str:
    """Return the row of a successful run of our job on the page of runs, or nothing."""
    rows = re.findall(r"<tr\b.*?</tr>", page, flags=re.DOTALL)
    return next((row for row in rows if JOB in row and re.search(r"\bsuccess\b", row)), "")


def goes_on(stack: Stack, what: str) -> None:
    """See three more successful runs that were due from now on."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime())
    runs = until(
        f"three successful runs after {what}",
        lambda: [run for run in stack.successes() if run["scheduled_at"] > now][2:] and stack.successes(),
    )
    step(f"  goes on after {what}: {len(runs)} runs so far, the last one due {runs[0]['scheduled_at']}")


def test(stack: Stack) -> None:
    step(f"building and starting project {NAME} on port {stack.port}")
    stack.up()
    for container in stack.containers():
        state = container["Health"] or f"exit code {container['ExitCode']}"
        step(f"  {container['Service']:<15} {container['State']:<8} {state}")

    found = re.search(r"Login: (\S+), password: (\S+)", stack.compose("logs", "--no-log-prefix", "migrate"))
    assert found, "migrate printed no login"
    browser = stack.log_in(found[1], found[2])
    step(f"logged in as {found[1]} with the password that migrate printed")

    stack.manage("jobs", "add", JOB, "--task", TASK, "--every", "1s")
    path = f"/admin/scheduler/taskrun/?q={JOB}"
    row = until("a green run of the job on the admin's page", lambda: green_row(browser.get(path)))
    step("job turned green on the page: " + " | ".join(re.sub(r"<[^>]+>", " ", row.replace("<wbr>", "")).split()))

    victim = stack.containers("scheduler-1")[0]["Name"]
    subprocess.run(["docker", "kill", "--signal", "KILL", victim], check=True, capture_output=True)
    step(f"killed {victim}")
    goes_on(stack, "the death of a scheduler")
    victim = stack.containers("worker-default")[0]["Name"]
    subprocess.run(["docker", "kill", "--signal", "KILL", victim], check=True, capture_output=True)
    step(f"killed {victim}")
    goes_on(stack, "the death of a worker")

    before = stack.successes()
    step(f"down, with {len(before)} successful runs")
    stack.compose("down")
    stack.up()
    after = {run["id"] for run in stack.successes()}
    lost = [run["id"] for run in before if run["id"] not in after]
    if lost:
        raise Failed(f"{len(lost)} runs are gone after down and up.")
    stack.log_in(found[1], found[2])
    step("up again: the runs, the job and the login are still there")
    goes_on(stack, "down and up")
    twice = [run for run in stack.manage("runs", "list", "--job", JOB, "--limit", "5000") if run["attempt"] != 1]
    if twice:
        raise Failed(f"{len(twice)} runs took more than one attempt.")


def main() -> int:
    if lack := missing():
        print(f"make test-compose: skipped, because {lack}; everything else is tested by `make test`.")
        return 1 if os.environ.get("CI") else 0
    stack, started = Stack(), time.monotonic()
    try:
        test(stack)
    except (Failed, AssertionError, subprocess.SubprocessError, OSError) as error:
        print(stack.compose("ps", "--all", check=False))
        print(stack.compose("logs", "--no-color", "--tail", "60", check=False))
        print(f"FAILED: {error}")
        return 1
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "5", check=False)
        subprocess.run(["docker", "image", "rm", "-f", f"tickwork:{NAME}"], capture_output=True, check=False)
    print(f"make test-compose: passed in {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
