"""The filters above the lists, as drop-downs; none of them scans the runs table for its choices; web process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..documents import queue_name
from ..models import ScheduledTask, ServiceProcess
from .different_values import different_values
from .live import REFRESH_HEADER
from .text import harmless

MOST_CHOICES = 200

Lookups = list[tuple[str, Any]]


class DropDown(SimpleListFilter):
    """A filter shown as one button with its choice on it."""

    template = "admin/scheduler/filter.html"
    more_parameters: ClassVar[tuple[str, ...]] = ()
    """Those that it takes from the address besides `parameter_name`."""
    everything: ClassVar[Any] = gettext_lazy("All")

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for number, choice in enumerate(super().choices(changelist)):
            yield {**choice, "display": self.everything if number == 0 else choice["display"]}


class _Value(DropDown):
    """One of the values that a column of the jobs holds."""

    field: ClassVar[str] = ""

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        if REFRESH_HEADER in request.headers:  # shows the list alone, without its filters
            return [(value, value) for value in (request.GET.get(str(self.parameter_name)),) if value]
        values = different_values(ScheduledTask, str(self.field), MOST_CHOICES)
        return [(value, harmless(value)) for value in sorted(set(map(self.shown, values)))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        if "\x00" in value:
            return queryset.none()
        return queryset.filter(**{f"{self.field}__in": [value, ""] if value == self.shown("") else [value]})

    def shown(self, value: str) -> str:
        """Return what a stored value is called."""
        return value


class TaskName(_Value):
    title = gettext_lazy("task")
    parameter_name = field = "task"


class Queue(_Value):
    title = gettext_lazy("queue")
    parameter_name = field = "queue"

    def shown(self, value: str) -> str:
        return queue_name(value)  # jobs that name no queue stand with those that name the default one


class ProcessKind(DropDown):
    title = gettext_lazy("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return list(ServiceProcess.Kind.choices)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() in ServiceProcess.Kind.values else queryset


class ProcessSeen(DropDown):
    title = gettext_lazy("seen")
    parameter_name = "seen"
    everything = gettext_lazy("In the last 24 hours")

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return [("ever", _("Ever"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "ever":
            return queryset
        return queryset.filter(heartbeat_at__gte=clock.now() - timedelta(days=1))
