"""Whether the whole works, and what mends it where it doesn't; the web process and `manage.py schedulerhealth`.

Answers within seconds whatever hangs, and with as many queries for a million jobs as for one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import timedelta

from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Min
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django_apscheduler.models import DjangoJob

from . import clock, conf, processes, queues, reach
from .db import drop_connection
from .models import ScheduledTask, ServiceProcess, State, TaskRun
from .publishing import broker_address, broker_connection

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

    :param ask_broker: whether to open a connection to the broker, which may take two seconds, or to go by what
        schedulers have told of it
    """
    connection = connections[DEFAULT_DB_ALIAS]
    try:
        with reach.limited(connection, DATABASE_SECONDS, keeps_limits=False):
            told = [] if ask_broker else _told_of_broker()
            problems = told + _schedulers() + _overdue() + _workers() + _broken()
    except Error as error:
        if not connection.in_atomic_block:
            drop_connection()  # what was cut is of no use to the next check
        problems = [Problem("database", _("The database is out of reach: %s") % str(error).strip())]
    return (_broker() if ask_broker else []) + problems


def _schedulers() -> list[Problem]:
    alive = processes.alive(ServiceProcess.Kind.SCHEDULER)
    if not alive.exists():
        return [Problem("scheduler", _("No scheduler runs"), "python manage.py runscheduler")]
    window = conf.get("HEALTH_WINDOW")
    since = processes.ago(window)
    if alive.filter(last_pass_at__gte=since).exists() or alive.filter(started_at__gte=since).exists():
        return []
    text = _("No scheduler has completed a pass for %d s") % window
    return [Problem("pass", text, "python manage.py runscheduler")]  # a second one takes over from one that hangs


def _overdue() -> list[Problem]:
    """Name jobs and runs that should have moved on by now."""
    problems = []
    late = clock.now() - timedelta(seconds=conf.get("HEALTH_WINDOW"))
    overdue = DjangoJob.objects.filter(next_run_time__lt=late).count()
    if overdue:
        text = ngettext("%s job is due and not fired", "%s jobs are due and not fired", overdue) % f"{overdue:,}"
        problems.append(Problem("overdue", text, "python manage.py runscheduler"))
    pending = TaskRun.objects.filter(state=State.PENDING, waiting=False, created_at__lt=late).count()
    if pending:
        text = ngettext("%s run waits for the broker", "%s runs wait for the broker", pending) % f"{pending:,}"
        problems.append(Problem("pending", text, "python manage.py runscheduler"))
    return problems


def _workers() -> list[Problem]:
    """Name queues that jobs use and no live worker consumes."""
    return [
        Problem("worker", _("No worker listens on queue %s") % queue, queues.worker_command(queue))
        for queue in sorted(queues.deserted_by(queues.listening()))
    ]


def _broken() -> list[Problem]:
    """Name jobs that were set aside."""
    broken = ScheduledTask.objects.filter(removed_at=None).exclude(broken_reason="")
    count = broken.count()
    if not count:
        return []
    names = ", ".join(broken.order_by("pk").values_list("pk", flat=True)[:SHOWN_JOBS])
    if count > SHOWN_JOBS:
        names += ", …"
    text = ngettext("%(count)s job is set aside: %(names)s", "%(count)s jobs are set aside: %(names)s", count)
    return [
        Problem(
            "broken",
            text % {"count": f"{count:,}", "names": names},
            "python manage.py jobs list --state broken",
            serious=False,
        )
    ]


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
    why = told[0] if told else _("no answer within %d s") % BROKER_SECONDS
    text = _("The broker is out of reach: %s") % f"{broker_address()}: {why}"
    return [Problem("broker", text, conf.get("BROKER_COMMAND"))]


def _told_of_broker() -> list[Problem]:
    away = queues.sounding().away
    if not away:
        return []
    values = {"address": broker_address(), "names": ", ".join(name for name, _since in away)}
    text = _("The broker is out of reach: %(address)s, tells %(names)s") % values
    return [Problem("broker", text, conf.get("BROKER_COMMAND"))]


def oldest_pending() -> float | None:
    """Return the age in seconds of the oldest run that waits for the broker."""
    oldest = TaskRun.objects.filter(state=State.PENDING, waiting=False).aggregate(at=Min("created_at"))["at"]
    return None if oldest is None else float((clock.now() - oldest).total_seconds())
