"""The jobs: their list with the last run of each, and the page of one; web process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy

from .. import clock
from ..documents import job_documents
from ..lookup import state_of
from ..models import RetentionRule, ScheduledTask, TaskRun
from . import zones
from .filters import Queue, TaskName
from .job_actions import FITTING_ACTIONS
from .job_asked import Asked
from .job_columns import JobColumns
from .job_editing import JobEditing
from .job_filters import JobSource, JobState, Tag, Trouble
from .job_list import JobList
from .job_page import job_page
from .job_schedule import schedule_of
from .live import REFRESH_HEADER
from .run_now import run_now
from .upcoming import upcoming

EXPORTED_AT_ONCE = 500
OF_RUNS = ("last_run", "recent")
"""Columns for those who may see runs."""


class JobAdmin(JobColumns, JobEditing):
    """All jobs; those that were removed only when asked for."""

    list_display = ("state", "job_cell", "schedule_cell", "next_run", "last_run", "recent", "queue_cell")
    list_filter = (JobState, Trouble, TaskName, Queue, Tag, JobSource)
    list_select_related = ("job",)
    search_fields = ("job__id", "name", "task", "description")
    search_help_text = gettext_lazy("Id, name, task or description")
    ordering = ("job_id",)
    live_template = "admin/scheduler/scheduledtask/job_live.html"
    page_template = "admin/scheduler/scheduledtask/page.html"
    export_columns = (
        "id", "task", "args", "kwargs", "queue", "trigger", "schedule", "timezone", "next_run_time", "state", "source",
        "last_run",
    )  # fmt: skip
    nav_page = "jobs"

    class Media:
        css = {"all": ["scheduler/jobs.css"]}

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledTask]:
        return super().get_queryset(request).select_related("job")

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        hidden = () if self.may_view(request, TaskRun) else OF_RUNS
        return [column for column in self.list_display if column not in hidden]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return JobList

    def get_urls(self) -> list[URLPattern]:
        site = self.admin_site
        return [
            path("times/", site.admin_view(zones.choose), name="scheduler_times"),
            path("upcoming/", site.admin_view(partial(upcoming, site=site)), name="scheduler_upcoming"),
            path("<path:object_id>/run/", site.admin_view(partial(run_now, self)), name="scheduler_scheduledtask_run"),
            *super().get_urls(),
        ]

    def export_documents(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        found = changelist.queryset.order_by("pk")
        some = list(found[:EXPORTED_AT_ONCE])
        while some:
            yield from job_documents(some)
            some = list(found.filter(pk__gt=some[-1].pk)[:EXPORTED_AT_ONCE])

    def page_context(self, request: HttpRequest, found: ScheduledTask) -> dict[str, Any]:
        asked = Asked(
            job=found,
            schedule=schedule_of(found),
            now=clock.now(),
            sees_runs=self.may_view(request, TaskRun),
            sees_arguments=self.may(request, "view_arguments"),
            url_of_run=partial(self.url_of, of=TaskRun),
            retention_url=self.list_url(RetentionRule) if self.may_view(request, RetentionRule) else "",
        )
        with zones.of_job(asked.schedule.zone):
            page = job_page(asked, request.GET.get("tab", ""), is_refresh=REFRESH_HEADER in request.headers)
        fitting, allowed = FITTING_ACTIONS[state_of(found)], self.get_actions(request)
        return {
            **page,
            "allowed": [name for name in self.page_actions if name in fitting and name in allowed],
            "may_add": self.has_add_permission(request),
            "may_edit": self.has_change_permission(request),
            "runs_url": f"{self.list_url(TaskRun)}?job=",
            "run_url": self.url_of(found.pk, "run"),
        }
