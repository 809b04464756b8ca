"""The schedulers and workers, and whether each is alive by its heartbeat; web process."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock, conf
from ..models import ServiceProcess
from . import times
from .badges import badge
from .base import ConsoleAdmin
from .filters import ProcessKind, ProcessSeen
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


class ProcessAdmin(ConsoleAdmin[ServiceProcess]):
    """Schedulers and workers, those heard of last first."""

    list_display = ("state", "process", "started", "heartbeat", "last_pass", "queue_names")
    list_filter = (ProcessKind, ProcessSeen)
    ordering = ("-heartbeat_at",)
    actions = None
    nav_page = "workers"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ServiceProcess]:
        return super().get_queryset(request).defer("tasks", "info")

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

    @admin.display(description=gettext_lazy("started"), ordering="started_at")
    def started(self, process: ServiceProcess) -> SafeString | str:
        return times.ago(process.started_at, clock.now())

    @admin.display(description=gettext_lazy("heartbeat"), ordering="heartbeat_at")
    def heartbeat(self, process: ServiceProcess) -> SafeString | str:
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
