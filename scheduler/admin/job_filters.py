"""The filters above the list of jobs; web process."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.contrib.admin import ModelAdmin
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..models import Source, TaskRun
from .badges import JOB_LOOKS
from .caching import remembered
from .filters import DropDown, Lookups
from .live import REFRESH_HEADER
from .tags import all_tags, tagged
from .text import harmless
from .times import LATE_AFTER

KEPT = 60.0
"""Seconds for which the choices of tags are kept: they take a look at all jobs."""
JOB_STATES = {
    "removed": Q(removed_at__isnull=False),
    "broken": Q(removed_at=None) & ~Q(broken_reason=""),
    "paused": Q(removed_at=None, broken_reason="", paused_at__isnull=False),
    "finished": Q(removed_at=None, broken_reason="", paused_at=None, job__next_run_time=None),
    "scheduled": Q(removed_at=None, broken_reason="", paused_at=None, job__next_run_time__isnull=False),
}
"""`state_of`, for the database."""


class JobState(DropDown):
    title = gettext_lazy("state")
    parameter_name = "state"
    everything = gettext_lazy("All but removed")

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return [(state, look.word) for state, look in JOB_LOOKS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(JOB_STATES.get(self.value() or "", Q(removed_at=None)))


class Trouble(DropDown):
    """Jobs that somebody should look at."""

    title = gettext_lazy("trouble")
    parameter_name = "trouble"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return [
            ("late", _("Late: due, and not yet fired")),
            ("broken", _("Broken: set aside")),
            ("never", _("Never ran")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "late":
            return queryset.filter(job__next_run_time__lt=clock.now() - timedelta(seconds=LATE_AFTER))
        if self.value() == "broken":
            return queryset.filter(JOB_STATES["broken"])
        if self.value() == "never":
            return queryset.filter(~Exists(TaskRun.objects.filter(job_id=OuterRef("pk"))))
        return queryset


class Tag(DropDown):
    title = gettext_lazy("tag")
    parameter_name = "tag"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        asked = request.GET.get(self.parameter_name)
        tags = [] if REFRESH_HEADER in request.headers else remembered(KEPT, all_tags, "tags")  # it shows no filters
        return [(tag, harmless(tag)) for tag in (tags if asked is None or asked in tags else [asked, *tags])]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        tag = self.value()
        if tag is None:
            return queryset
        return queryset.none() if "\x00" in tag else tagged(queryset, tag)


class JobSource(DropDown):
    title = gettext_lazy("source")
    parameter_name = "source"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return list(Source.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(source=self.value()) if self.value() in Source.values else queryset
