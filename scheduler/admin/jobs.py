"""The jobs: their list with the last run of each, and the page of one; web process."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..documents import job_documents, queue_name
from ..exceptions import SchedulerError
from ..jobs import restore_trigger, state_of
from ..models import ScheduledTask, TaskRun
from ..triggers import describe, timezone_of, trigger_to_data
from . import zones
from .badges import badge
from .filters import JobSource, JobState, Queue, TaskName
from .history import history
from .job_editing import JobEditing
from .job_page import job_overview
from .run_display import HEAVY, run_badge, run_length
from .run_now import run_now
from .text import dotted, first_line, harmless
from .times import LATE_AFTER, ago
from .upcoming import upcoming

EXPORTED_AT_ONCE = 500
FITTING_ACTIONS = {
    "scheduled": ("run_now", "pause", "remove"),
    "paused": ("run_now", "resume", "remove"),
    "finished": ("run_now", "remove"),
    "broken": ("run_now", "pause", "remove"),
    "removed": (),
}
"""The buttons that make sense in each state of a job; what is asked for all the same, `jobs.py` judges."""


def last_runs(job_ids: list[str]) -> dict[str, TaskRun]:
    """Return the newest run of each of these jobs, in one query that looks at one index entry per job."""
    newest = TaskRun.objects.filter(job_id=OuterRef("pk")).order_by("-scheduled_at").values("pk")[:1]
    ids = ScheduledTask.objects.filter(pk__in=job_ids).values_list(Subquery(newest), flat=True)
    return {run.job_id: run for run in TaskRun.objects.filter(pk__in=ids).defer(*HEAVY)}


class JobList(ChangeList):
    """A page of jobs, each with its last run."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        jobs = list(self.result_list)
        newest = last_runs([job.pk for job in jobs])
        for job in jobs:
            job.last_run = newest.get(job.pk)
        self.result_list = jobs
        self.moving = any(job.last_run is not None and job.last_run.is_live for job in jobs)


class JobAdmin(JobEditing):
    """All jobs; those that were removed only when asked for."""

    list_display = ("state", "job_cell", "schedule", "next_run", "last_run", "queue_cell")
    list_filter = (JobState, TaskName, Queue, JobSource)
    list_select_related = ("job",)
    search_fields = ("job__id", "name", "task", "description")
    search_help_text = gettext_lazy("Id, name, task or description")
    ordering = ("job_id",)
    live_template = "admin/scheduler/scheduledtask/job_live.html"
    export_columns = (
        "id", "task", "args", "kwargs", "queue", "trigger", "schedule", "timezone", "next_run_time", "state", "source",
        "last_run",
    )  # fmt: skip
    nav_page = "jobs"

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScheduledTask]:
        return super().get_queryset(request).select_related("job")

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
        runs = TaskRun.objects.filter(job_id=found.pk).order_by("-scheduled_at").defer(*HEAVY)[:20]
        rows = [(run, self.url_of(run.pk, of=TaskRun)) for run in runs] if self.may_view(request, TaskRun) else None
        context = {**job_overview(found, rows, clock.now()), "runs_url": f"{self.list_url(TaskRun)}?job=",
                   "run_url": self.url_of(found.pk, "run")}  # fmt: skip
        fitting = FITTING_ACTIONS[state_of(found)]
        context["changes"] = history(found.pk, clock.now(), with_arguments=self.may(request, "view_arguments"))
        context["may_add"], context["may_edit"] = self.has_add_permission(request), self.has_change_permission(request)
        context["allowed"] = [
            name for name in self.page_actions if name in fitting and name in self.get_actions(request)
        ]
        return context

    # -- columns -------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("state"))
    def state(self, job: ScheduledTask) -> SafeString:
        state = state_of(job)
        return badge(state, harmless(job.broken_reason) if state == "broken" else "")

    @admin.display(description=gettext_lazy("job"), ordering="job_id")
    def job_cell(self, job: ScheduledTask) -> SafeString:
        name = harmless(job)
        under = format_html("<code>{}</code> ", harmless(job.id)) if name != job.id else ""
        return format_html(
            '<a class="sched-main" href="{}">{}</a><span class="sched-under">{}{}</span>',
            self.url_of(job.pk),
            name,
            under,
            dotted(job.task),
        )

    @admin.display(description=gettext_lazy("schedule"))
    def schedule(self, job: ScheduledTask) -> SafeString:
        if state_of(job) == "broken":
            return format_html('<span class="sched-error">{}</span>', first_line(job.broken_reason))
        try:
            trigger = restore_trigger(job)
            words, raw = describe(trigger), json.dumps(trigger_to_data(trigger), ensure_ascii=False)
        except SchedulerError as error:
            return format_html('<span class="sched-error">{}</span>', first_line(str(error)))
        return format_html(
            '<span title="{}">{}</span><span class="sched-under">{}</span>',
            harmless(raw),
            harmless(words),
            str(timezone_of(trigger)),
        )

    @admin.display(description=gettext_lazy("next run"), ordering="job__next_run_time")
    def next_run(self, job: ScheduledTask) -> SafeString | str:
        moment, now = job.job.next_run_time, clock.now()
        if moment is None or state_of(job) != "scheduled":
            return "–"
        if (now - moment).total_seconds() > LATE_AFTER:
            due = format_html(_("due {}"), ago(moment, now))
            return format_html('<span class="sched-error">{}</span><span class="sched-under">{}</span>', _("late"), due)
        return ago(moment, now)

    @admin.display(description=gettext_lazy("last run"))
    def last_run(self, job: ScheduledTask) -> SafeString | str:
        run: TaskRun | None = getattr(job, "last_run", None)
        if run is None:
            return _("never")
        now = clock.now()
        length = run_length(run, now)
        return format_html(
            '<a class="sched-plain" href="{}">{}</a><span class="sched-under">{}{}{}</span>',
            self.url_of(run.pk, of=TaskRun),
            run_badge(run),
            ago(run.scheduled_at, now),
            " · " if length else "",
            length,
        )

    @admin.display(description=gettext_lazy("queue"), ordering="queue")
    def queue_cell(self, job: ScheduledTask) -> SafeString:
        tags = job.tags if isinstance(job.tags, list) else []
        return format_html(
            '{} <span class="sched-under">{}</span>{}',
            harmless(queue_name(job.queue)),
            _("from %s") % job.get_source_display(),
            format_html_join("", '<span class="sched-tag">{}</span>', ((harmless(tag),) for tag in tags)),
        )
