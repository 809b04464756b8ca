"""Pages: the first byte of the console's pages, beside very many jobs and runs."""

from __future__ import annotations

import http.client
import time
from functools import partial
from importlib import import_module

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db.models import Count

from benchmarks import seed
from benchmarks.measuring import Bars, Found, Judged
from benchmarks.programs import running
from benchmarks.servers import Where
from scheduler.models import State, TaskRun
from tests.programs import free_port
from tests.waiting import wait_for

TITLE = "the first byte of the console's pages"
CONSOLE = "/admin/scheduler/"
JOBS, RUNS = CONSOLE + "scheduledtask/", CONSOLE + "taskrun/"
PAGES = {
    "index": "/admin/",
    "dashboard": CONSOLE,
    "jobs": JOBS,
    "jobs, page 20": JOBS + "?p=20",
    "jobs, a search": JOBS + "?q=invoices",
    "jobs, a search without a match": JOBS + "?q=zzzz",
    "jobs, a tag": JOBS + "?tag=critical",
    "jobs, by their next run": JOBS + "?o=4",
    "jobs, late": JOBS + "?trouble=late",
    "jobs, never run": JOBS + "?trouble=never",
    **{f"a job, {tab}": f"{JOBS}{{job}}/change/?tab={tab}" for tab in (
        "overview", "runs", "timeline", "upcoming", "durations", "calendar"
    )},
    "editing a job": JOBS + "{job}/edit/",
    "upcoming": JOBS + "upcoming/",
    "runs": RUNS,
    "runs, failed": RUNS + "?state=failed",
    "runs of a job": RUNS + "?job={job}",
    "a run": RUNS + "{run}/change/",
    "retention": CONSOLE + "retentionrule/",
    "workers and queues": CONSOLE + "serviceprocess/",
}  # fmt: skip


def measure(where: Where, *, jobs: int, runs: int, rounds: int) -> Found:
    """Fill the database as years of use would, and ask the web server for each page."""
    seed.fill(jobs, runs)
    busy = TaskRun.objects.values("job_id").annotate(count=Count("id")).order_by("-count")[0]["job_id"]
    run = TaskRun.objects.filter(job_id=busy, state=State.SUCCESS).latest("scheduled_at").pk
    port, cookie = free_port(), _cookie()
    with running(where, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}", "--threads", "2"):
        ask = partial(_first_byte, port, cookie)
        wait_for(lambda: ask(PAGES["retention"]), what="the web server", timeout=60)
        asked = {name: path.format(job=busy, run=run) for name, path in PAGES.items()}
        first = {name: ask(path) for name, path in asked.items()}
        warm = {name: [ask(path) for _ in range(rounds)] for name, path in asked.items()}
    found = {name: {"first_ms": [first[name]], "warm_ms": warm[name]} for name in PAGES}
    slowest = [max(values) for values in zip(*warm.values(), strict=True)]
    judged = [
        Judged("the slowest page, first byte", slowest, 300.0, better="less", unit="ms"),
        Judged("the slowest page when it is asked for first", [max(first.values())], better="less", unit="ms"),
    ]
    size = {"jobs": jobs, "runs": runs, "rounds": rounds}
    return Found("pages", TITLE, size, found, judged, Bars(f"{TITLE}, {jobs:,} jobs, {runs:,} runs", "ms", warm))


def _cookie() -> str:
    """Return the cookie of a person who may see everything, logged in."""
    user = User.objects.create_superuser("pages", password=None)
    session = import_module(settings.SESSION_ENGINE).SessionStore()
    session.update({
        SESSION_KEY: str(user.pk), BACKEND_SESSION_KEY: settings.AUTHENTICATION_BACKENDS[0],
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    })  # fmt: skip
    session.save()
    return f"{settings.SESSION_COOKIE_NAME}={session.session_key}"


def _first_byte(port: int, cookie: str, path: str) -> float:
    """Return the milliseconds until the first byte of an answer. :raises AssertionError: for any but 200"""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    started = time.monotonic()
    line.request("GET", path, headers={"Cookie": cookie})
    answer = line.getresponse()
    took = (time.monotonic() - started) * 1000
    answer.read()
    line.close()
    assert answer.status == 200, f"{path}: {answer.status}"
    return took
