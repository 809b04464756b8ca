"""Who may add and change jobs, and the parts of their form that the page asks for while people type; web process."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, QueryDict
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from ..allowed import may_use
from ..models import ScheduledTask
from .job_actions import JobActions
from .job_form import JobForm
from .job_form_page import preview_of
from .schedule_form import ScheduleForm
from .zones import in_viewers_zone


class JobFragments(JobActions):
    """Permissions of the form, and its parts: the arguments of the chosen task, the preview of the typed schedule."""

    def has_add_permission(self, request: HttpRequest, *unused: Any) -> bool:
        return self.may(request, "add_scheduledtask")

    def has_change_permission(self, request: HttpRequest, obj: ScheduledTask | None = None) -> bool:
        return self.may(request, "change_scheduledtask")

    def get_urls(self) -> list[URLPattern]:
        views: dict[str, Any] = {"arguments": self.arguments_view, "preview": self.preview_view}
        more = [
            path(f"form/{name}/", self.admin_site.admin_view(view), name=f"scheduler_scheduledtask_{name}")
            for name, view in views.items()
        ]
        return more + super().get_urls()

    @in_viewers_zone
    def arguments_view(self, request: HttpRequest) -> HttpResponse:
        """Answer the arguments' part of the form, after somebody chose a task, or changed between fields and JSON."""
        form = self._fragment_form(request)
        if form is None:
            return HttpResponseNotAllowed(["POST"])
        context = {"arguments": form.arguments.switched(), "arguments_url": self._url("arguments")}
        return TemplateResponse(request, "admin/scheduler/arguments.html", context)

    @in_viewers_zone
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """Answer what the schedule that is being typed would do."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        self._check_may_edit(request)
        job_id = request.POST.get("job") or request.POST.get("id", "")
        found = preview_of(ScheduleForm(data=request.POST), job_id[:255])
        return TemplateResponse(request, "admin/scheduler/scheduledtask/preview.html", {"preview": found})

    def _fragment_form(self, request: HttpRequest) -> JobForm | None:
        if request.method != "POST":
            return None
        self._check_may_edit(request)
        job = self._named(request, "job") if self.has_change_permission(request) else None
        form = JobForm(request.user, job=job, like=self._named(request, "like"), data=request.POST)
        if job is not None and not (form.may_see_arguments and may_use(request.user, job.task)):
            raise PermissionDenied
        return form

    def _check_may_edit(self, request: HttpRequest) -> None:
        if not (self.has_add_permission(request) or self.has_change_permission(request)):
            raise PermissionDenied

    def _named(self, request: HttpRequest, name: str) -> ScheduledTask | None:
        """Return the job that a form names as the one that it changes or copies; None where the user may not see it."""
        named: QueryDict = request.POST if request.method == "POST" else request.GET
        if not named.get(name) or not self.has_view_permission(request):
            return None
        return self.get_object(request, str(named[name]))

    def _url(self, name: str) -> str:
        return reverse(f"admin:scheduler_scheduledtask_{name}", current_app=self.admin_site.name)
