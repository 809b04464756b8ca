"""`python -m docs.screenshot_scenes SCENE` fills the empty database at DATABASE_URL for `make screenshots`.

In `nothing` nobody has added anything yet. `some` are jobs of the example project's tasks, with a past that looks as if
they had run for a month. `many` are those of `benchmarks.seed`; their processes stay alive until this one is ended.
"""

from __future__ import annotations

import os
import sys
import threading
from datetime import datetime, timedelta
from typing import Any

READY = "The scene is set."
MANY = 100_000
PAST = 3_000
BEAT = 2.0
"""Seconds between two heartbeats of the processes that `many` pretends to have."""
SITES = ("www", "shop", "api", "docs", "status", "login", "images", "search", "mail", "wiki", "forum", "maps")
MAILS = ("Good morning", "Open orders", "Stock of the day", "Week at a glance", "Invoices due", "Backups of the week",
         "Certificates that end soon", "Sign-ups of the day", "On call this week", "Good night")  # fmt: skip
COMMANDS = ("check", "migrate --check", "clearsessions", "showmigrations", "remove_stale_contenttypes", "diffsettings",
            "findstatic", "sendtestemail", "inspectdb", "dumpdata")  # fmt: skip
REPORTS = ("hour", "morning", "noon", "evening", "week", "month")
BACKUPS = ("nightly", "noon", "weekly", "monthly", "before-release", "yearly")


def main() -> None:
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if name not in SCENES:
        sys.exit(f"python -m docs.screenshot_scenes {'|'.join(SCENES)}")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    import django
    from django.core.management import call_command

    django.setup()
    call_command("migrate", verbosity=0)
    from scheduler.dev.login import ensure_login

    ensure_login()
    SCENES[name]()


def nothing() -> None:
    """Nobody has added a job yet, and nothing runs."""
    print(READY, flush=True)


def some() -> None:
    """Fifty jobs of the example project's tasks, and what their runs of the last month were like."""
    from django.core.management import call_command
    from django.db.models import F

    from benchmarks import seed_runs
    from scheduler import clock, pause_job
    from scheduler.models import LIVE, HourTally, ScheduledTask, TaskRun

    call_command("syncjobs", verbosity=0)
    now = clock.now()
    plans = [*_examples(), *_jobs(now)]
    seed_runs.write(plans, PAST, now - timedelta(seconds=90))
    HourTally.objects.filter(state__in=LIVE).delete()
    at = {name: F("scheduled_at") for name in ("queued_at", "started_at", "finished_at")}
    TaskRun.objects.filter(state__in=LIVE).update(state="success", publish_at=None, worker="worker@vm", **at)
    for job in ScheduledTask.objects.filter(tags__icontains="weekly")[:3]:
        pause_job(job.pk)
    print(READY, flush=True)


def _examples() -> list[Any]:
    from benchmarks.seed_jobs import Plan

    return [
        Plan("print-time", "tasks.print_time", "", 3_600, 0.02, 0),
        Plan("sleep-with-progress", "tasks.sleep_with_progress", "", 1_800, 20, 0.01),
        Plan("fail-sometimes", "tasks.fail_sometimes", "", 3_600, 4, 0.3),
        Plan("backup-database", "tasks.backup_database", "", 7 * 86_400, 40, 0),
        Plan("report-runs", "tasks.report_runs", "", 86_400, 2, 0.05),
        Plan("clear-sessions", "tasks.run_command", "", 86_400, 0.4, 0),
    ]


def _jobs(now: datetime) -> list[Any]:
    """Add the jobs, none of which is due while the pictures are taken; return what their past is drawn from."""
    from benchmarks.seed_jobs import Plan
    from scheduler import add_job

    later, hour = (now.minute + 40) % 60, (now.hour + 3) % 24
    plans = []

    def add(job_id: str, task: str, took: float, failing: float, period: float, **options: Any) -> None:
        add_job(task, "cron", id=job_id, **options)
        plans.append(Plan(job_id, task, options.get("queue", ""), period, took, failing))

    for number, site in enumerate(SITES):
        add(f"check-{site}", "tasks.check_http", 0.3, 0.02 * (number % 5), 3_600, minute=later, tags=["checks"],
            kwargs={"url": f"https://{site}.example.org/health"}, name=f"Check {site}.example.org",
            description="Fails unless the site answers with 200 within ten seconds.")  # fmt: skip
    for number, subject in enumerate(MAILS):
        body = {"to": ["ops@example.org"], "subject": subject, "body": "See the attached figures."}
        add(f"mail-{number + 1:02d}", "tasks.send_mail", 1.2, 0.01, 86_400, hour=hour, minute=5 * number,
            tags=["mails"], kwargs=body, name=f"Mail: {subject}", queue="long" if number % 2 else "")  # fmt: skip
    for number, line in enumerate(COMMANDS):
        add(f"command-{line.split()[0]}", "tasks.run_command", 3.0, 0.0, 86_400, hour=(hour + number) % 24, minute=30,
            tags=["upkeep"], kwargs={"name": line.split()[0], "args": line.split()[1:]},
            name=f"manage.py {line}")  # fmt: skip
    for number, what in enumerate(REPORTS):
        add(f"report-{what}", "tasks.report_runs", 9.0, 0.05, 86_400, hour=(hour + 4 * number) % 24, minute=15,
            tags=["reports", "weekly"] if number > 3 else ["reports"], kwargs={"hours": 24, "keep": 30},
            overlap="queue", name=f"Report of the {what}")  # fmt: skip
    for number, when in enumerate(BACKUPS):
        add(f"backup-{when}", "tasks.backup_database", 90.0, 0.0, 86_400, hour=(hour + number) % 24, minute=0,
            day_of_week="sat,sun" if number > 1 else "*", time_limit=3_600, tags=["backups", "nightly"],
            kwargs={"keep": 7}, name=f"Backup, {when}")  # fmt: skip
    return plans


def many() -> None:
    """Very many jobs and runs, a bulk action that is half done, and processes that are alive."""
    from benchmarks import seed
    from scheduler import clock
    from scheduler.models import BulkAction, ServiceProcess

    seed.fill(MANY, MANY)
    BulkAction.objects.create(action="pause", total=48_211, done=31_460, requested_by="admin")
    alive = ServiceProcess.objects.filter(stopped_at=None)
    print(READY, flush=True)
    while not threading.Event().wait(BEAT):
        alive.update(heartbeat_at=clock.now())
        alive.filter(kind="scheduler").update(last_pass_at=clock.now())


SCENES = {"nothing": nothing, "some": some, "many": many}

if __name__ == "__main__":
    main()
