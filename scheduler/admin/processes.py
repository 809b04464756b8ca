"""The schedulers and workers, whether each is alive by its heartbeat and what it is at, and the queues; web process."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import F, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock, conf, overview
from ..models import ServiceProcess, TaskRun
from ..queues import worker_command
from . import nav, times
from .badges import badge
from .base import ConsoleAdmin
from .filters import ProcessKind, ProcessSeen
from .problems import problems
from .queue_rows import queue_rows
from .text import harmless

BEATS_MISSED = 3
"""Heartbeats after which a process is called stale; the engine gives its runs up only after LOST_AFTER."""


def process_state(process: ServiceProcess, now: datetime) -> str:
    """Return "stopped" for a process that said so or was given up, "stale" for one that fell silent, else "alive"."""
    if process.stopped_at is not None:
        return "stopped"
    return "stale" if (now - process.heartbeat_at).total_seconds() > longest_silence() else "alive"


def longest_silence() -> float:
    """Return the seconds without a heartbeat after which a process is called stale."""
    return BEATS_MISSED * float(conf.get("HEARTBEAT_INTERVAL"))


class ProcessList(ChangeList):
    """A page of processes, each with how many runs it is at; and the queues, which stand below them."""

    above, below = "admin/scheduler/serviceprocess/above.html", "admin/scheduler/serviceprocess/below.html"

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        sees_runs = nav.may_view(request, "taskrun")
        running = overview.running_by_process() if sees_runs else {}
        for process in self.result_list:
            process.running = running.get(process.pk, 0) if sees_runs else None
        self.worker_command = worker_command()
        self.queues = queue_rows(request, clock.now())
        self.problems = problems(request)
        self.moving = any(running.values()) or any(queue["queued"] for queue in self.queues if queue["sees_runs"])


class ProcessAdmin(ConsoleAdmin[ServiceProcess]):
    """Schedulers and workers, those that are alive first, in an order that no heartbeat changes."""

    list_display = ("state", "process", "at", "heartbeat", "last_pass", "queue_names", "version")
    list_filter = (ProcessKind, ProcessSeen)
    ordering = (F("stopped_at").desc(nulls_first=True), "kind", "name")
    actions = None
    nav_page = "workers"

    class Media:
        css = {"all": ["scheduler/dashboard.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceProcess]:
        return super().get_queryset(request).defer("tasks")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ProcessList

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        raise Http404(_("Processes have no page of their own; the list says all that is known."))

    @admin.display(description=gettext_lazy("state"))
    def state(self, process: ServiceProcess) -> SafeString:
        return badge(process_state(process, clock.now()))

    @admin.display(description=gettext_lazy("process"), ordering="name")
    def process(self, process: ServiceProcess) -> SafeString:
        return format_html(
            '<span class="sched-main">{}</span><span class="sched-under">{} · {} · pid {}</span>',
            harmless(process.name),
            process.get_kind_display(),
            harmless(process.host),
            str(process.pid),
        )

    @admin.display(description=gettext_lazy("running"))
    def at(self, process: ServiceProcess) -> SafeString | str:
        """Say what a worker is at, and how much it can do at a time; a click leads to these runs."""
        if process.kind != ServiceProcess.Kind.WORKER or process.stopped_at is not None:
            return "–"
        running, places = getattr(process, "running", None), _told(process, "concurrency")
        under = format_html('<span class="sched-under">{}</span>', _("of %s places") % places) if places else ""
        if running is None:
            return under or "–"
        url = f"{self.list_url(TaskRun)}?{urlencode({'state': 'running', 'worker': process.name})}"
        return format_html('<a href="{}">{}</a>{}', url, running, under)

    @admin.display(description=gettext_lazy("heartbeat"), ordering="heartbeat_at")
    def heartbeat(self, process: ServiceProcess) -> SafeString | str:
        since = format_html(
            _("since {}"), times.time_tag(process.started_at, times.clock(process.started_at, clock.now()))
        )
        return format_html('{}<span class="sched-under">{}</span>', self._heard(process), since)

    def _heard(self, process: ServiceProcess) -> SafeString | str:
        if process.stopped_at is not None:
            silent = (process.stopped_at - process.heartbeat_at).total_seconds() > longest_silence()
            text = _("fell silent {}") if silent else _("stopped {}")
            moment = process.heartbeat_at if silent else process.stopped_at
            return format_html(text, times.ago(moment, clock.now()))
        return times.ago(process.heartbeat_at, clock.now())

    @admin.display(description=gettext_lazy("last pass"))
    def last_pass(self, process: ServiceProcess) -> SafeString | str:
        if process.last_pass_at is None:
            return "–"
        return times.ago(process.last_pass_at, clock.now())

    @admin.display(description=gettext_lazy("queues"))
    def queue_names(self, process: ServiceProcess) -> str:
        names = process.queues if isinstance(process.queues, list) else []
        return ", ".join(harmless(name) for name in names) or "–"

    @admin.display(description=gettext_lazy("version"))
    def version(self, process: ServiceProcess) -> SafeString | str:
        own, celery, python = (_told(process, name) for name in ("tickwork", "celery", "python"))
        if not own:
            return "–"
        under = _("Celery %(celery)s, Python %(python)s") % {"celery": celery, "python": python}
        return format_html('{}<span class="sched-under">{}</span>', own, under)


def _told(process: ServiceProcess, name: str) -> str:
    """Return a fact that a process told of itself; empty where it did not."""
    told = process.info.get(name) if isinstance(process.info, dict) else None
    return harmless(told) if isinstance(told, str | int) else ""


def process_of(run: TaskRun) -> ServiceProcess | None:
    """Return the worker process that claimed a run, as far as it tells whether it lives."""
    if run.process is None:
        return None
    return ServiceProcess.objects.filter(pk=run.process).only("heartbeat_at", "stopped_at").first()
