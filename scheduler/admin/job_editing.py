"""The pages on which people add and change jobs; web process."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.translation import gettext as _

from .. import clock, overrides
from ..allowed import may_use
from ..exceptions import InvalidInput, JobNotFound, StaleJob
from ..lookup import get_job, state_of
from ..models import ScheduledTask
from . import history
from .base import asked_by
from .conflicts import conflicts
from .form_data import replaced
from .job_fields import snapshot
from .job_form import JobForm
from .job_form_page import form_context
from .job_fragments import JobFragments
from .schedule_form import ScheduleForm
from .text import harmless, sentence
from .times import relative
from .zones import in_viewers_zone


class JobEditing(JobFragments):
    """The form of a job as a page: to add one, and to change one."""

    form_template: ClassVar[str] = "admin/scheduler/scheduledtask/form.html"

    def get_urls(self) -> list[URLPattern]:
        edit = self.admin_site.admin_view(self.edit_view)
        return [path("<path:object_id>/edit/", edit, name="scheduler_scheduledtask_edit"), *super().get_urls()]

    # -- adding --------------------------------------------------------------------------------------------------------

    @in_viewers_zone
    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        sent = request.POST if request.method == "POST" else None
        like = self._named(request, "like")
        form = JobForm(request.user, like=like, task=request.GET.get("task", "")[:255], data=sent)
        if sent is not None and not self._only_looked(request, form) and form.is_valid():
            job = form.save(asked_by(request))
            if job is not None:
                self.log_addition(request, job, [{"added": {}}])
                return self._saved(request, job, _("Added the job “{}”."))
        return self._form_page(request, form, like=like)

    # -- changing ------------------------------------------------------------------------------------------------------

    @in_viewers_zone
    def edit_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        if not self.has_change_permission(request):
            raise PermissionDenied
        job_id = unquote(object_id)
        job = self.get_object(request, job_id)
        if job is not None and not may_use(request.user, job.task):
            raise PermissionDenied
        if job is None or job.removed_at is not None:
            return self._removed(request, job_id, job)
        try:
            return self._edit(request, job)
        except StaleJob:  # in this very moment: look again
            return self.edit_view(request, object_id)
        except JobNotFound:
            return self._removed(request, job_id, self.get_object(request, job_id))

    def _edit(self, request: HttpRequest, job: ScheduledTask) -> HttpResponse:
        if request.method != "POST":
            return self._form_page(request, JobForm(request.user, job=job))
        form = JobForm(request.user, job=job, data=request.POST)
        if self._only_looked(request, form):
            return self._form_page(request, form)
        over = request.POST.get("_over") == job.updated_at.isoformat()
        others = [] if over else conflicts(form)
        if "_revert" in request.POST and not others:
            return self._revert(request, job, form)
        if not others and form.is_valid():
            saved = form.save(asked_by(request), job.updated_at)
            if saved is not None:
                self._log(request, form.now_stored, saved)
                return self._saved(request, saved, _("Saved the job “{}”."))
        return self._form_page(request, form, others=others)

    def _revert(self, request: HttpRequest, job: ScheduledTask, form: JobForm) -> HttpResponse:
        """Give one field back to the code, and keep whatever else was typed."""
        field = request.POST["_revert"]
        try:
            saved = overrides.revert(job.pk, field, by=asked_by(request), unchanged_since=job.updated_at)
        except (StaleJob, JobNotFound):
            raise
        except InvalidInput as error:
            self.message_user(request, sentence(error), messages.ERROR)
            return self._form_page(request, form.quiet())
        self._log(request, form.now_stored, saved)
        self.message_user(request, _("The code decides about it again. Your other input is not saved yet."))
        fresh = JobForm(request.user, job=get_job(job.pk))
        data = replaced(request.POST, fresh, [*overrides.TOGETHER.get(field, (field,)), "version", "base"])
        if field == "schedule":
            for each in (fresh.schedule, *fresh.schedule.parts):
                data = replaced(data, each)
        elif field in overrides.TOGETHER:
            data = replaced(data, fresh.arguments)
        return self._form_page(request, JobForm(request.user, job=fresh.job, data=data).quiet())

    def _removed(self, request: HttpRequest, job_id: str, job: ScheduledTask | None) -> HttpResponse:
        """Tell that a job is gone. What somebody typed into its form stays, and can be added anew."""
        if request.method != "POST":
            if job is None:
                return self.gone(request, job_id)
            self.message_user(request, _("This job was removed. “Duplicate” adds it anew."), messages.WARNING)
            return HttpResponseRedirect(self.url_of(job.pk))
        data = request.POST.copy()
        data["id"] = job_id
        form = JobForm(request.user, like=job, data=data).quiet()
        return self._form_page(request, form, like=job, removed=True)

    def _log(self, request: HttpRequest, before: dict[str, Any], saved: ScheduledTask) -> None:
        after = snapshot(saved)
        if before != after:
            self.log_change(request, saved, history.difference(before, after))

    def _saved(self, request: HttpRequest, job: ScheduledTask, words: str) -> HttpResponse:
        following = job.job.next_run_time if state_of(job) == "scheduled" else None
        when = "" if following is None else " " + _("It runs %s.") % relative(following, clock.now())
        self.message_user(request, format_html(words, harmless(job)) + when, messages.SUCCESS)
        return HttpResponseRedirect(self.url_of(job.pk))

    # -- the page ------------------------------------------------------------------------------------------------------

    def _only_looked(self, request: HttpRequest, form: JobForm) -> bool:
        """Whether a button was pressed that saves nothing; then the form shows what was asked for."""
        if "_choose" not in request.POST and "_preview" not in request.POST:
            return False
        form.quiet()
        if "_choose" in request.POST:
            form.arguments = form.arguments.switched()
        elif request.POST["_preview"] == "":
            form.schedule = ScheduleForm(data=request.POST)  # complains: somebody asked
        return True

    def _form_page(self, request: HttpRequest, form: JobForm, **more: Any) -> HttpResponse:
        job, like = form.job, more.get("like")
        context = {
            **self.frame(request, _("Add job") if job is None else _("Edit “%s”") % harmless(job)),
            **form_context(form),
            "job_url": self.url_of(job.pk) if job is not None else "",
            "form_url": self._url("add") if job is None else self.url_of(job.pk, "edit"),
            "arguments_url": self._url("arguments"),
            "preview_url": self._url("preview"),
            "like": like,
            "may_save": job is not None or self.has_add_permission(request),
            "now_version": job.updated_at.isoformat() if job is not None else "",
            "last_change": history.history(job.pk, clock.now(), with_arguments=False, limit=1)
            if job and more.get("others")
            else [],
            **more,
        }
        return TemplateResponse(request, self.form_template, context)
