"""What may be done to jobs from their list and pages: run now, pause, resume, remove; web process."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ..allowed import check_permitted
from ..jobs import pause_job, remove_job, resume_job, run_job
from ..models import ScheduledTask, TaskRun
from .base import ConsoleAdmin, asked_by
from .history import moved
from .once import id_of, new_token
from .text import harmless


class JobActions(ConsoleAdmin[ScheduledTask]):
    """Each action needs its permission, is carried out job by job, and says what it did and to how many."""

    actions = ("run_now", "run_with", "pause", "resume", "remove")
    page_actions = ("run_now", "pause", "resume", "remove")
    confirm_template: ClassVar[str] = "admin/scheduler/scheduledtask/confirm_remove.html"

    def has_run_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "run_job")

    def has_pause_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "pause_job")

    def has_remove_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "delete_scheduledtask")

    def each(self, request: HttpRequest, objects: Any, act: Any, *, record: Any) -> tuple[list[Any], int]:
        """Do `act` to each job whose task the user may handle; see `ConsoleAdmin.each`."""

        def permitted(job: ScheduledTask) -> Any:
            check_permitted(request.user, job.task)
            return act(job)

        return super().each(request, objects, permitted, record=record)

    @admin.action(permissions=["run"], description=gettext_lazy("Run the selected jobs now"))
    def run_now(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        by, token = asked_by(request), request.POST.get("token") or new_token()

        def run(job: ScheduledTask) -> TaskRun:
            return run_job(job.id, by=by, run_id=id_of(token, job.id))

        runs, refused = self.each(request, queryset, run, record=_("Run asked for."))
        if not runs:
            return None
        text = ngettext("Asked for a run of %d job.", "Asked for a run of %d jobs.", len(runs)) % len(runs)
        self.message_user(request, text, messages.SUCCESS)
        if len(runs) == 1 and not refused and self.may_view(request, TaskRun):
            return HttpResponseRedirect(self.url_of(runs[0].pk, of=TaskRun))
        return None

    @admin.action(permissions=["run"], description=gettext_lazy("Run the selected job with other arguments …"))
    def run_with(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        chosen = list(queryset.values_list("pk", flat=True)[:2])
        if len(chosen) == 1:
            return HttpResponseRedirect(self.url_of(chosen[0], "run"))
        self.message_user(request, _("Select one job: each has arguments of its own."), messages.WARNING)
        return None

    @admin.action(permissions=["pause"], description=gettext_lazy("Pause the selected jobs"))
    def pause(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> None:
        by = asked_by(request)
        done, _refused = self.each(request, queryset, lambda job: pause_job(job.id, by=by), record=moved)
        self._tell(request, ngettext("Paused %d job.", "Paused %d jobs.", len(done)), len(done))

    @admin.action(permissions=["pause"], description=gettext_lazy("Resume the selected jobs"))
    def resume(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> None:
        by = asked_by(request)
        done, _refused = self.each(request, queryset, lambda job: resume_job(job.id, by=by), record=moved)
        self._tell(request, ngettext("Resumed %d job.", "Resumed %d jobs.", len(done)), len(done))

    @admin.action(permissions=["remove"], description=gettext_lazy("Remove the selected jobs …"))
    def remove(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        if request.POST.get("confirmed") != "yes":
            return self._ask_whether_to_remove(request, queryset)
        by = asked_by(request)
        done, _refused = self.each(request, queryset, lambda job: remove_job(job.id, by=by), record=moved)
        text = ngettext(
            "Removed %d job. Its runs stay.",
            "Removed %d jobs. Their runs stay.",
            len(done),
        )
        self._tell(request, text, len(done))
        return None

    def _tell(self, request: HttpRequest, text: str, count: int) -> None:
        if count:
            self.message_user(request, text % count, messages.SUCCESS)

    def _ask_whether_to_remove(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse:
        count = queryset.count()
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "title": ngettext("Remove %d job?", "Remove %d jobs?", count) % count,
            "count": count,
            "jobs": [(harmless(job), harmless(job.id)) for job in queryset[:20]],
            "more": max(0, count - 20),
            "selected": request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "select_across": request.POST.get("select_across", "0"),
            "back_url": request.get_full_path(),
            "list_url": self.list_url(),
        }
        return TemplateResponse(request, self.confirm_template, context)
