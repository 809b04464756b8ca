"""Whether the whole works, and what mends it where it doesn't; the web process and `manage.py schedulerhealth`.

Answers within seconds whatever hangs, and with as many queries for a million jobs as for one.
"""

from __future__ import annotations

import sys
import threading
from dataclasses import dataclass
from datetime import timedelta

from celery import current_app
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Min
from django_apscheduler.models import DjangoJob

from . import clock, conf, processes, reach
from .db import drop_connection
from .models import ScheduledTask, ServiceProcess, State, TaskRun
from .publishing import broker_address, broker_connection, queue_name

DATABASE_SECONDS = 3.0
BROKER_SECONDS = 2.0
SHOWN_JOBS = 5


@dataclass(frozen=True)
class Problem:
    """Something that keeps runs from happening, or that somebody should look at."""

    code: str
    text: str
    command: str = ""
    """What mends it, to be typed as it stands; may be empty."""
    serious: bool = True
    """Whether the service as a whole is unhealthy: no restart of a process mends a single job."""


def check_health(*, ask_broker: bool = True) -> list[Problem]:
    """Return what is wrong, the most fundamental first; healthy means that nothing of it is serious.

    :param ask_broker: whether to open a connection to the broker, which may take two seconds
    """
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with reach.limited(connection, DATABASE_SECONDS, keeps_limits=False):
            problems = _schedulers() + _overdue() + _workers() + _broken()
    except Error as error:
        if not connection.in_atomic_block:
            drop_connection()  # what was cut is of no use to the next check
        problems = [Problem("database", f"The database is out of reach: {str(error).strip()}")]
    return (_broker() if ask_broker else []) + problems


def _schedulers() -> list[Problem]:
    alive = processes.alive(ServiceProcess.Kind.SCHEDULER)
    if not alive.exists():
        return [Problem("scheduler", "No scheduler runs", "python manage.py runscheduler")]
    window = conf.get("HEALTH_WINDOW")
    since = processes.ago(window)
    if alive.filter(last_pass_at__gte=since).exists() or alive.filter(started_at__gte=since).exists():
        return []
    return [Problem("pass", f"No scheduler has completed a pass for {window:.0f} s")]


def _overdue() -> list[Problem]:
    """Name jobs and runs that should have moved on by now."""
    problems = []
    late = clock.now() - timedelta(seconds=conf.get("HEALTH_WINDOW"))
    overdue = DjangoJob.objects.filter(next_run_time__lt=late).count()
    if overdue:
        problems.append(Problem("overdue", f"{overdue} jobs are due and not fired", "python manage.py runscheduler"))
    pending = TaskRun.objects.filter(state=State.PENDING, waiting=False, created_at__lt=late).count()
    if pending:
        problems.append(Problem("pending", f"{pending} runs wait for the broker"))
    return problems


def _workers() -> list[Problem]:
    """Name queues that jobs use and no live worker consumes."""
    consumed = {queue for worker in processes.alive(ServiceProcess.Kind.WORKER) for queue in worker.queues}
    used = ScheduledTask.objects.filter(removed_at=None, paused_at=None, job__next_run_time__isnull=False)
    wanted = {queue_name(*pair) for pair in used.order_by().values_list("queue", "task").distinct()}
    return [
        Problem("worker", f"No worker listens on queue {queue}", f"celery -A {_app_package()} worker -Q {queue}")
        for queue in sorted(wanted - consumed)
    ]


def _app_package() -> str:
    """Return what `celery -A` takes: the package whose `celery` module made the app, as far as that can be told."""
    root = str(getattr(settings, "SETTINGS_MODULE", None) or "").partition(".")[0]
    named = [name for name in (root, current_app.main) if name]
    made_here = [name for name in named if f"{name}.celery" in sys.modules]
    return [*made_here, *named, "project"][0]


def _broken() -> list[Problem]:
    """Name jobs that were set aside."""
    broken = ScheduledTask.objects.filter(removed_at=None).exclude(broken_reason="")
    count = broken.count()
    if not count:
        return []
    names = ", ".join(broken.order_by("pk").values_list("pk", flat=True)[:SHOWN_JOBS])
    what = "1 job is set aside" if count == 1 else f"{count} jobs are set aside"
    text = f"{what}: {names}{', …' if count > SHOWN_JOBS else ''}"
    return [Problem("broken", text, "python manage.py jobs list --state broken", serious=False)]


def _broker() -> list[Problem]:
    """Ask the broker, on a thread: name look-up and some brokers' drivers know no time limit."""
    told: list[BaseException | None] = []

    def ask() -> None:
        try:
            with broker_connection(BROKER_SECONDS) as connection:
                # Without a pause before the second try, which would take all the time there is.
                connection.ensure_connection(max_retries=1, interval_start=0, timeout=BROKER_SECONDS)
            told.append(None)
        except Exception as error:
            told.append(error)

    thread = threading.Thread(target=ask, name="tickwork-health", daemon=True)
    thread.start()
    thread.join(BROKER_SECONDS)
    if told and told[0] is None:
        return []
    why = told[0] if told else f"no answer within {BROKER_SECONDS:.0f} s"
    return [Problem("broker", f"The broker is out of reach: {broker_address()}: {why}")]


def oldest_pending() -> float | None:
    """Return the age in seconds of the oldest run that waits for the broker."""
    oldest = TaskRun.objects.filter(state=State.PENDING, waiting=False).aggregate(at=Min("created_at"))["at"]
    return None if oldest is None else float((clock.now() - oldest).total_seconds())
