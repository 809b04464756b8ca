"""The runs: what runs now, how long each took and how it ended; web process."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, re_path
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..documents import run_document
from ..models import ScheduledTask, State, TaskRun
from . import run_ending, run_log, run_now, times, zones
from .filters import Queue, TaskName
from .live import REFRESH_HEADER
from .run_actions import RunActions
from .run_display import HEAVY, run_badge, run_length, run_progress, run_why
from .run_filters import RequestedBy, RunJob, RunState, RunTime, RunWorker
from .run_journey import BEFORE_START
from .run_list import RunList, ids_beginning_with, matching
from .run_page import neighbours, retry_of, run_overview
from .text import dotted, harmless

SHORT = 12
"""Hexadecimal digits of a run's id in its permanent link."""


class RunAdmin(RunActions):
    """All runs, newest first."""

    list_display = ("state_cell", "job_cell", "scheduled", "ran", "length", "worker_cell", "why")
    list_filter = (RunState, RunTime, TaskName, Queue, RunWorker, RequestedBy, RunJob)
    search_fields = ("job_id",)
    search_help_text = gettext_lazy("A job's id or name, or the beginning of a run's id")
    ordering = ("-scheduled_at",)
    sortable_by = ("scheduled",)
    show_full_result_count = False
    live_template = "admin/scheduler/taskrun/run_live.html"
    page_template = "admin/scheduler/taskrun/page.html"
    nav_page = "runs"
    export_columns = (
        "id", "job_id", "task", "state", "reason", "requested_by", "scheduled_at", "queued_at", "started_at",
        "finished_at", "duration", "worker", "queue", "attempt", "args", "kwargs", "result", "exception",
    )  # fmt: skip

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RunList

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskRun]:
        found = super().get_queryset(request)
        match = request.resolver_match
        return found.defer(*HEAVY) if match and (match.url_name or "").endswith("_changelist") else found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TaskRun], search_term: str
    ) -> tuple[QuerySet[TaskRun], bool]:
        return queryset.filter(matching(search_term)[0]) if search_term.strip() else queryset, False

    def export_documents(self, changelist: ChangeList) -> Iterator[dict[str, Any]]:
        assert isinstance(changelist, RunList)
        return (run_document(run) for some in changelist.everything() for run in some)

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(partial(view, self))

        return [
            re_path(r"^r/(?P<digits>[0-9a-fA-F]{6,32})/$", page(RunAdmin.short_link), name="scheduler_taskrun_short"),
            path("<uuid:run_id>/log/", page(run_log.following), name="scheduler_taskrun_log"),
            path("<uuid:run_id>/log.txt", page(run_log.download), name="scheduler_taskrun_log_file"),
            path("<uuid:run_id>/terminate/", page(run_ending.terminate), name="scheduler_taskrun_terminate"),
            path("<uuid:run_id>/again/", page(run_now.run_again), name="scheduler_taskrun_again"),
            *super().get_urls(),
        ]

    def short_link(self, request: HttpRequest, digits: str) -> HttpResponse:
        """Lead to the run whose id begins so, or to the list of those that do."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        between = ids_beginning_with(digits)
        found = list(TaskRun.objects.filter(pk__range=between).values_list("pk", flat=True)[:2]) if between else []
        if len(found) == 1:
            return HttpResponseRedirect(self.url_of(found[0]))
        if not found:
            text = _("There is no run whose id begins with %s. It may have been deleted.") % digits
            self.message_user(request, text, messages.WARNING)
        return HttpResponseRedirect(f"{self.list_url()}?q={digits}" if found else self.list_url())

    # -- the page of one run -------------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, found: TaskRun) -> dict[str, Any]:
        now = clock.now()
        job = ScheduledTask.objects.filter(pk=found.job_id).only("pk", "name", "removed_at").first()
        runnable = job is not None and job.removed_at is None
        with zones.of_job(zones.of_jobs([found.job_id]).get(found.job_id)):
            context = {
                **run_overview(found, now, shows_arguments=self.may(request, "view_arguments")),
                **{
                    side: each and {**each, "url": self.url_of(each["pk"])}
                    for side, each in neighbours(found, now).items()
                },
                **self._log(request, found),
            }
        return {
            **context,
            "allowed": self._fitting_actions(request, found, runnable),
            "title": _("Run of %s") % harmless(job or found.job_id),
            "job_name": harmless(job or found.job_id),
            "job_url": self.url_of(job.pk, of=ScheduledTask) if job and self.may_view(request, ScheduledTask) else "",
            "runs_url": f"{self.list_url()}?job=",
            "short_url": request.build_absolute_uri(self.url_of(found.pk.hex[:SHORT], "short")),
            "retry_of": (repeated := retry_of(found)),
            "retried_url": self.url_of(repeated) if repeated else "",
            **{f"{view}_url": self.url_of(found.pk, view) for view in ("terminate", "again", "log", "log_file")},
        }

    def _fitting_actions(self, request: HttpRequest, run: TaskRun, runnable: bool) -> list[str]:
        """Return what the user may do to a run and what makes sense in its state."""
        asked = run.state == State.RUNNING and run.cancel_requested_at is not None
        fitting = ("terminate" if asked else "cancel") if run.is_live else "run_again" if runnable else ""
        may = {"cancel": self.has_cancel_permission, "terminate": self.has_cancel_permission}
        return [fitting] if fitting and may.get(fitting, self.has_run_permission)(request) else []

    def _log(self, request: HttpRequest, run: TaskRun) -> dict[str, Any]:
        """Return the end of a run's log, and for a refresh only how far it goes: the page fetches the rest itself."""
        if not run_log.may_read(request):
            return {"may_read_log": False}
        if REFRESH_HEADER in request.headers:
            return {"may_read_log": True, "log_number": run_log.last_number(run.pk)}
        shown = run_log.the_end(run)
        return {"may_read_log": True, "log": shown, "log_number": shown["last"]}

    # -- columns -------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("state"))
    def state_cell(self, run: TaskRun) -> SafeString:
        return format_html('<a class="sched-plain" href="{}">{}</a>', self.url_of(run.pk), run_badge(run))

    @admin.display(description=gettext_lazy("job"))
    def job_cell(self, run: TaskRun) -> SafeString:
        name: str | None = getattr(run, "job_name", None)
        under = format_html('<span class="sched-under">{}</span>', dotted(run.task))
        if name is None:
            return format_html('<span class="sched-main">{}</span>{}', harmless(run.job_id), under)
        url = self.url_of(run.job_id, of=ScheduledTask)
        return format_html('<a class="sched-main" href="{}">{}</a>{}', url, name, under)

    @admin.display(description=gettext_lazy("scheduled"), ordering="scheduled_at")
    def scheduled(self, run: TaskRun) -> SafeString:
        now = clock.now()
        by = "" if run.requested_by == "schedule" else _("by %s") % harmless(run.requested_by)
        with zones.of_job(getattr(run, "job_zone", None)):
            return format_html(
                '<a href="{}">{}</a><span class="sched-under">{}</span>',
                self.url_of(run.pk),
                times.time_tag(run.scheduled_at, times.clock(run.scheduled_at, now)),
                by or times.ago(run.scheduled_at, now),
            )

    @admin.display(description=gettext_lazy("ran"))
    def ran(self, run: TaskRun) -> SafeString | str:
        if run.started_at is None or run.state in BEFORE_START:
            return ""
        with zones.of_job(getattr(run, "job_zone", None)):  # its day is said where it is not that of the cell before
            started = times.time_tag(run.started_at, times.clock(run.started_at, run.scheduled_at))
            if run.finished_at is None:
                return format_html('{}<span class="sched-under">{}</span>', started, _("and goes on"))
            finished = times.time_tag(run.finished_at, _("to %s") % times.clock(run.finished_at, run.started_at))
            return format_html('{}<span class="sched-under">{}</span>', started, finished)

    @admin.display(description=gettext_lazy("duration"))
    def length(self, run: TaskRun) -> SafeString | str:
        progress = run_progress(run) if run.state == State.RUNNING else ""
        return format_html("{}{}", run_length(run, clock.now()) or "–", progress)

    @admin.display(description=gettext_lazy("worker"))
    def worker_cell(self, run: TaskRun) -> SafeString | str:
        under = [_("attempt %d") % run.attempt] if run.attempt > 1 else []
        under += [_("queue %s") % harmless(run.queue)] if run.queue else []
        return format_html('{}<span class="sched-under">{}</span>', harmless(run.worker) or "–", " · ".join(under))

    @admin.display(description=gettext_lazy("error or reason"), empty_value="")
    def why(self, run: TaskRun) -> SafeString | str:
        why = run_why(run)
        return format_html('<span class="sched-why">{}</span>', why) if why else ""
