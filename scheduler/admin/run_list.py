"""One page of the list of runs, out of millions: never counted, searched along indexes; web process.

Filters that no index answers look at rows, newest first. They look at one stretch of them, and the page says how far it
reaches and leads to the next one.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ..models import ScheduledTask, TaskRun
from . import zones
from .paging import LookAheadPaginator
from .run_filters import RunFilter, RunJob
from .text import harmless
from .times import absolute

STRETCH: Final = 100_000
"""Runs that one page, one step of an export or one bulk action looks at."""
SCATTERED: Final = 20_000
"""The same where they are those of some jobs, which lie far apart on the disk."""
SHORTEST_RUN_ID = 6
"""Hexadecimal digits from which a search takes a word for the beginning of a run id."""
NEWEST_FIRST = ("-scheduled_at", "-pk")
KEYS_AT_ONCE, AT_ONCE = 5_000, 200
"""Keys, and whole runs, that an export holds in memory."""
MOST_FOUND = 200
"""Runs whose ids begin with a word, and jobs that a search still follows one by one along their index."""


def floor_of(scope: QuerySet[TaskRun], length: int) -> datetime | None:
    """Return the instant down to which the newest `length` runs of `scope` reach; None where that is all of it."""
    found = scope.order_by("-scheduled_at").values_list("scheduled_at", flat=True)[length - 1 : length]
    return next(iter(found), None)


def matching(search: str) -> tuple[Q, bool]:
    """Return what a search for runs means, and whether indexes answer it.

    It goes through the jobs, which are few, and along the run ids' index: never through the texts of all runs.
    """
    word = search.strip()
    found = ScheduledTask.objects.filter(Q(job__id__icontains=word) | Q(name__icontains=word)).values_list(
        "pk", flat=True
    )
    jobs = [word, *found[: MOST_FOUND + 1]]
    wanted = Q(job_id__in=jobs) if len(jobs) <= MOST_FOUND else Q(job_id__in=found) | Q(job_id=word)
    if between := ids_beginning_with(word):
        wanted |= Q(pk__in=list(TaskRun.objects.filter(pk__range=between).values_list("pk", flat=True)[:MOST_FOUND]))
    return wanted, len(jobs) <= MOST_FOUND


def ids_beginning_with(word: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Return the first and the last id that begin with a word; None if it is not the beginning of an id."""
    digits = word.replace("-", "").lower()
    if not SHORTEST_RUN_ID <= len(digits) <= 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    return uuid.UUID(digits.ljust(32, "0")), uuid.UUID(digits.ljust(32, "f"))


def as_parameter(moment: datetime) -> str:
    """Return an instant as the address of a list has it, the same in every zone."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class RunList(ChangeList):
    """A page of runs, each with the name of its job; the table is never counted."""

    floor: datetime | None = None
    """The instant down to which this list looks; None where it looks at all that there is."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet[TaskRun]:
        word, self.query = self.query, ""  # Django's own search would look at every row
        found: QuerySet[TaskRun] = super().get_queryset(request, exclude_parameters)
        self.query = word
        narrowing: list[Any] = [spec for spec in self.filter_specs if isinstance(spec, RunFilter) and spec.narrows()]
        self.scope: QuerySet[TaskRun] = self.root_queryset
        for spec in narrowing:
            self.scope = spec.queryset(request, self.scope)
        searched, is_narrow = matching(word) if word.strip() else (Q(), True)
        found = found.filter(searched)
        if is_narrow:
            self.scope = self.scope.filter(searched)
        others = [spec for spec in self.filter_specs if spec.used_parameters and spec not in narrowing]
        self.looks_at_rows = bool(others) or not is_narrow
        self.stretch = SCATTERED if (word and is_narrow) or any(isinstance(e, RunJob) for e in narrowing) else STRETCH
        self.floor = floor_of(self.scope, self.stretch) if self.looks_at_rows else None
        self.without_floor = found
        return found if self.floor is None else found.filter(scheduled_at__gte=self.floor)

    def get_results(self, request: HttpRequest) -> None:
        paginator = LookAheadPaginator(self.queryset, self.list_per_page, self.page_num)
        found = paginator.rows[: self.list_per_page]
        names = {job.pk: harmless(job) for job in self._jobs_of(found)}
        own_zones = zones.of_jobs(run.job_id for run in found)
        for run in found:
            run.job_name, run.job_zone = names.get(run.job_id), own_zones.get(run.job_id)
        self.paginator, self.result_list = paginator, found
        self.page_num = paginator.number
        self.result_count = len(found)
        self.full_result_count = len(found)  # as many as were found, so that no page says a number that it can't know
        self.show_full_result_count, self.show_admin_actions = False, bool(found)
        self.can_show_all, self.multi_page = False, paginator.has_more or paginator.number > 1
        self.moving = any(run.is_live for run in found)
        self.newer_url = self.get_query_string({"p": self.page_num - 1}) if self.page_num > 1 else ""
        self.older_url = self.get_query_string({"p": self.page_num + 1}) if paginator.has_more else ""
        self.beyond_url = ""
        if self.floor is not None and not paginator.has_more and not paginator.too_deep:
            self.floor_text = absolute(self.floor)
            self.beyond_url = self.get_query_string({"to": as_parameter(self.floor), "within": None})

    def everything(self) -> Iterator[list[TaskRun]]:
        """Yield all runs of the list, newest first and whole, a few at a time: stretch by stretch, page by page."""
        below: datetime | None = None
        while True:
            beneath = {} if below is None else {"scheduled_at__lt": below}
            floor = floor_of(self.scope.filter(**beneath), self.stretch) if self.looks_at_rows else None
            above = {} if floor is None else {"scheduled_at__gte": floor}
            for keys in _pages(self.without_floor.filter(**beneath, **above)):
                for start in range(0, len(keys), AT_ONCE):
                    yield list(TaskRun.objects.filter(pk__in=keys[start : start + AT_ONCE]).order_by(*NEWEST_FIRST))
            if floor is None:
                return
            below = floor

    def _jobs_of(self, found: list[TaskRun]) -> QuerySet[ScheduledTask]:
        return ScheduledTask.objects.filter(pk__in={run.job_id for run in found}).only("pk", "name")


def _pages(found: QuerySet[TaskRun]) -> Iterator[list[uuid.UUID]]:
    """Yield the keys of runs, newest first, a page at a time; each page is looked for from the end of the last one."""
    rest = found.order_by(*NEWEST_FIRST).values_list("scheduled_at", "pk")
    while page := list(rest[:KEYS_AT_ONCE]):
        yield [key for _, key in page]
        last, key = page[-1]
        rest = found.order_by(*NEWEST_FIRST).values_list("scheduled_at", "pk").filter(scheduled_at__lte=last)
        rest = rest.exclude(scheduled_at=last, pk__gte=key)
