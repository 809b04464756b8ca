"""What somebody has chosen on the page of upcoming firings: queue, tag, task, and an hour; web process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .. import forecast
from ..documents import queue_name
from ..models import ScheduledTask
from .caching import remembered
from .tags import all_tags, tagged
from .text import harmless

MOST_CHOICES = 200
SECONDS = 60.0
HOUR_FORMAT = "%Y-%m-%dT%H%MZ"


def _queues() -> list[str]:
    return sorted({queue_name(queue) for queue in _distinct("queue")})


def _tasks() -> list[str]:
    return sorted(_distinct("task"))


def _distinct(column: str) -> Iterable[str]:
    return ScheduledTask.objects.order_by(column).values_list(column, flat=True).distinct()[:MOST_CHOICES]


CHOICES: dict[str, tuple[str | Promise, Callable[[], list[str]]]] = {
    "queue": (_("queue"), _queues),
    "tag": (_("tag"), all_tags),
    "task": (_("task"), _tasks),
}
"""By parameter: its title, and what can be chosen."""


@dataclass(frozen=True)
class Chosen:
    """The parameters of the page; an empty one chooses nothing."""

    queue: str = ""
    tag: str = ""
    task: str = ""
    hour: datetime | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> Chosen:
        """Read a request. What is no hour chooses none."""
        texts = {name: request.GET.get(name, "") for name in CHOICES}
        try:
            hour = datetime.strptime(request.GET.get("hour", ""), HOUR_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            hour = None
        return cls(**texts, hour=hour)

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells one choice of jobs from another."""
        return self.queue, self.tag, self.task

    def jobs(self) -> QuerySet[ScheduledTask]:
        """Return the jobs that will fire and are chosen."""
        jobs = forecast.scheduled()
        if any("\x00" in value for value in self.key):  # PostgreSQL raises on it
            return jobs.none()
        if self.queue:
            jobs = jobs.filter(queue__in=[self.queue, ""] if self.queue == queue_name("") else [self.queue])
        if self.task:
            jobs = jobs.filter(task=self.task)
        return tagged(jobs, self.tag) if self.tag else jobs

    def address(self, hour: datetime | None = None) -> str:
        """Return the address, on this page, of the same choice of jobs and an hour."""
        told = {name: getattr(self, name) for name in CHOICES if getattr(self, name)}
        if hour is not None:
            told["hour"] = hour.astimezone(UTC).strftime(HOUR_FORMAT)
        return f"?{urlencode(told, errors='replace')}"

    def drop_downs(self) -> list[dict[str, Any]]:
        """Return what filter.html shows for each parameter."""
        return [self._drop_down(name, title, values) for name, (title, values) in CHOICES.items()]

    def _drop_down(self, name: str, title: str | Promise, values: Callable[[], list[str]]) -> dict[str, Any]:
        asked, found = getattr(self, name), remembered(SECONDS, values, "choices", name)
        known = found if not asked or asked in found else [asked, *found]
        choices = [{"display": _("All"), "selected": not asked, "query_string": self._with(name, "")}]
        choices += [
            {"display": harmless(value), "selected": value == asked, "query_string": self._with(name, value)}
            for value in known
        ]
        return {"title": title, "choices": choices}

    def _with(self, name: str, value: str) -> str:
        changes: dict[str, Any] = {name: value}
        return replace(self, **changes).address(self.hour)
