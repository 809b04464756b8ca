"""The runs: what runs now, how long each took and how it ended; cancel and run again; web process."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import clock, runs
from ..models import ScheduledTask, State, TaskRun
from . import times
from .base import ConsoleAdmin, asked_by
from .filters import RunJob, RunState, RunTime, TaskName
from .paging import LookAheadPaginator
from .run_display import HEAVY, run_badge, run_length, run_progress, run_why
from .run_page import BEFORE_START, run_overview
from .text import dotted, harmless

SHORTEST_RUN_ID = 6
"""Hexadecimal digits from which a search takes a word for the beginning of a run id."""


class RunList(ChangeList):
    """A page of runs, each with the name of its job; the table is never counted."""

    def get_results(self, request: HttpRequest) -> None:
        paginator = LookAheadPaginator(self.queryset, self.list_per_page, self.page_num)
        found = paginator.rows[: self.list_per_page]
        names = {job.pk: harmless(job) for job in self._jobs_of(found)}
        for run in found:
            run.job_name = names.get(run.job_id)
        self.paginator, self.result_list = paginator, found
        self.page_num = paginator.number
        self.result_count = len(found)
        self.full_result_count = len(found)  # as many as were found, so that no page says a number that it can't know
        self.show_full_result_count, self.show_admin_actions = False, bool(found)
        self.can_show_all, self.multi_page = False, paginator.has_more or paginator.number > 1
        self.moving = any(run.is_live for run in found)
        self.newer_url = self.get_query_string({"p": self.page_num - 1}) if self.page_num > 1 else ""
        self.older_url = self.get_query_string({"p": self.page_num + 1}) if paginator.has_more else ""

    def _jobs_of(self, found: list[TaskRun]) -> QuerySet[ScheduledTask]:
        return ScheduledTask.objects.filter(pk__in={run.job_id for run in found}).only("pk", "name")


class RunAdmin(ConsoleAdmin[TaskRun]):
    """All runs, newest first."""

    list_display = ("state_cell", "job_cell", "scheduled", "ran", "length", "worker_cell", "why")
    list_filter = (RunState, TaskName, RunTime, RunJob)
    search_fields = ("job_id",)
    search_help_text = gettext_lazy("A job's id or name, or the beginning of a run's id")
    ordering = ("-scheduled_at",)
    sortable_by = ("scheduled",)
    show_full_result_count = False
    actions = ("cancel", "run_again")
    live_template = "admin/scheduler/taskrun/run_live.html"
    nav_page = "runs"
    page_actions = ("cancel", "run_again")

    def has_run_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "run_job")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "cancel_run")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return RunList

    def get_queryset(self, request: HttpRequest) -> QuerySet[TaskRun]:
        found = super().get_queryset(request)
        match = request.resolver_match
        return found.defer(*HEAVY) if match and (match.url_name or "").endswith("_changelist") else found

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[TaskRun], search_term: str
    ) -> tuple[QuerySet[TaskRun], bool]:
        """Search through the jobs, which are few, and along the run ids' index: never through the texts of all runs."""
        word = search_term.strip()
        if not word:
            return queryset, False
        jobs = ScheduledTask.objects.filter(Q(job__id__icontains=word) | Q(name__icontains=word))
        wanted = Q(job_id=word) | Q(job_id__in=jobs.values("pk"))
        digits = word.replace("-", "").lower()
        if SHORTEST_RUN_ID <= len(digits) <= 32 and set(digits) <= set("0123456789abcdef"):
            first, last = (uuid.UUID(digits.ljust(32, end)) for end in "0f")
            wanted |= Q(pk__gte=first, pk__lte=last)
        return queryset.filter(wanted), False

    def page_context(self, request: HttpRequest, found: TaskRun) -> dict[str, Any]:
        context = run_overview(found, clock.now())
        job = ScheduledTask.objects.filter(pk=found.job_id).only("pk", "name").first()
        fitting = "cancel" if found.is_live else "run_again" if job else ""
        context["allowed"] = [name for name in self.get_actions(request) if name == fitting]
        context["title"] = _("Run of %s") % harmless(job or found.job_id)
        context["job_name"] = harmless(job or found.job_id)
        context["job_url"] = (
            self.url_of(job.pk, of=ScheduledTask) if job and self.may_view(request, ScheduledTask) else ""
        )
        context["runs_url"] = f"{self.list_url()}?job="
        return context

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
        now = clock.now()
        started = times.time_tag(run.started_at, times.clock(run.started_at, now))
        if run.finished_at is None:
            return format_html('{}<span class="sched-under">{}</span>', started, _("and goes on"))
        finished = times.time_tag(run.finished_at, _("to %s") % times.clock(run.finished_at, now))
        return format_html('{}<span class="sched-under">{}</span>', started, finished)

    @admin.display(description=gettext_lazy("duration"))
    def length(self, run: TaskRun) -> SafeString | str:
        progress = run_progress(run) if run.state == State.RUNNING else ""
        return format_html("{}{}", run_length(run, clock.now()) or "–", progress)

    @admin.display(description=gettext_lazy("worker"))
    def worker_cell(self, run: TaskRun) -> SafeString | str:
        attempt = _("attempt %d") % run.attempt if run.attempt > 1 else ""
        return format_html('{}<span class="sched-under">{}</span>', harmless(run.worker) or "–", attempt)

    @admin.display(description=gettext_lazy("error or reason"), empty_value="")
    def why(self, run: TaskRun) -> SafeString | str:
        why = run_why(run)
        return format_html('<span class="sched-why">{}</span>', why) if why else ""

    # -- actions -------------------------------------------------------------------------------------------------------

    @admin.action(permissions=["cancel"], description=gettext_lazy("Cancel the selected runs"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> None:
        by = asked_by(request)
        done, _refused = self.each(
            request, queryset, lambda run: runs.cancel(run.pk, by=by), record=_("Cancel asked for.")
        )
        asked = sum(run.is_live for run in done)
        if ended := len(done) - asked:
            text = ngettext("Cancelled %d run.", "Cancelled %d runs.", ended) % ended
            self.message_user(request, text, messages.SUCCESS)
        if asked:
            text = ngettext("Asked %d running run to stop.", "Asked %d running runs to stop.", asked) % asked
            self.message_user(request, text, messages.SUCCESS)

    @admin.action(permissions=["run"], description=gettext_lazy("Run the selected runs again"))
    def run_again(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> HttpResponse | None:
        by = asked_by(request)
        new, refused = self.each(
            request, queryset, lambda run: runs.retry(run.pk, by=by), record=_("Run again asked for.")
        )
        if not new:
            return None
        text = ngettext("Asked for %d new run.", "Asked for %d new runs.", len(new)) % len(new)
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self.url_of(new[0].pk)) if len(new) == 1 and not refused else None
