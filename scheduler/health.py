"""Whether the whole works, and what mends it where it doesn't; the web process and `manage.py schedulerhealth`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db import DatabaseError
from django.db.models import Min
from django_apscheduler.models import DjangoJob

from . import clock, conf, processes
from .models import ScheduledTask, ServiceProcess, State, TaskRun
from .publishing import broker_connection

BROKER_SECONDS = 2.0


@dataclass(frozen=True)
class Problem:
    """Something that keeps runs from happening."""

    code: str
    text: str
    command: str = ""
    """What mends it, to be typed as it stands; may be empty."""


def check_health(*, ask_broker: bool = True) -> list[Problem]:
    """Return what is wrong, the most fundamental first; an empty list means healthy.

    :param ask_broker: whether to open a connection to the broker, which may take two seconds
    """
    try:
        problems = _schedulers() + _overdue() + _workers()
    except DatabaseError as error:
        return [Problem("database", f"The database is out of reach: {str(error).strip()}")]
    return (_broker() if ask_broker else []) + problems


def _schedulers() -> list[Problem]:
    alive = processes.alive(ServiceProcess.Kind.SCHEDULER)
    if not alive.exists():
        return [Problem("scheduler", "No scheduler runs", "python manage.py runscheduler")]
    window = timedelta(seconds=conf.get("HEALTH_WINDOW"))
    if not alive.filter(last_pass_at__gte=clock.now() - window).exists():
        text = f"No scheduler has completed a pass for {window.total_seconds():.0f} s"
        if not alive.filter(started_at__gte=clock.now() - window).exists():
            return [Problem("pass", text)]
    return []


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
    from celery import current_app

    consumed = {queue for worker in processes.alive(ServiceProcess.Kind.WORKER) for queue in worker.queues}
    used = ScheduledTask.objects.filter(removed_at=None, paused_at=None, job__next_run_time__isnull=False)
    default = current_app.conf.task_default_queue
    wanted = {queue or default for queue in used.order_by().values_list("queue", flat=True).distinct()}
    app = current_app.main or "project"
    return [
        Problem("worker", f"No worker listens on queue {queue}", f"celery -A {app} worker -Q {queue}")
        for queue in sorted(wanted - consumed)
    ]


def _broker() -> list[Problem]:
    try:
        with broker_connection(BROKER_SECONDS) as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
    except Exception as error:
        return [Problem("broker", f"The broker is out of reach: {error}")]
    return []


def oldest_pending() -> float | None:
    """Return the age in seconds of the oldest run that waits for the broker."""
    oldest = TaskRun.objects.filter(state=State.PENDING, waiting=False).aggregate(at=Min("created_at"))["at"]
    return None if oldest is None else float((clock.now() - oldest).total_seconds())
