"""The page that runs a job once, with what somebody fills in: its arguments, queue, overlap and a note; web process.

The same page runs a run again. What it sends carries the id of the new run, so sending it twice gives one run.
"""

from __future__ import annotations

import uuid
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import jobs, options, queues, runs
from ..allowed import check_permitted
from ..documents import queue_name
from ..exceptions import InvalidInput, JobNotFound, NotAllowed, RunNotFound, SchedulerError
from ..lookup import get_job
from ..models import LIVE, Overlap, ScheduledTask, TaskRun
from ..secrets import mask_arguments
from .argument_fields import ArgumentForm
from .base import asked_by
from .job_questions import done_text
from .once import id_of, new_token
from .text import as_json, explained, harmless, sentence
from .zones import in_viewers_zone

MOST_QUEUES = 100
OVERLAPS = {
    Overlap.QUEUE.value: gettext_lazy("It waits in line until there is a place for it."),
    Overlap.REPLACE.value: gettext_lazy("What still runs is cancelled; then it starts."),
    Overlap.ALLOW.value: gettext_lazy("Both run, side by side."),
}


class RunForm(forms.Form):
    """How a job is run this once.

    :param job: whose queue and overlap rule it proposes
    :param may_cancel: whether the user may cancel what still runs
    """

    queue = forms.CharField(
        required=False, max_length=255, label=gettext_lazy("Queue"),
        widget=forms.TextInput({"list": "run-queues", "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("Only workers that listen on it take the run."),
    )  # fmt: skip
    overlap = forms.ChoiceField(
        label=gettext_lazy("If a run of this job is still going"), widget=forms.RadioSelect
    )  # fmt: skip
    note = forms.CharField(
        required=False, max_length=2_000, label=gettext_lazy("Note"), widget=forms.Textarea({"rows": 2}),
        help_text=gettext_lazy("Why you run it. It stays with the run, beside your name."),
    )  # fmt: skip

    def __init__(self, job: ScheduledTask, *, queue: str, may_cancel: bool, data: Any = None) -> None:
        own = Overlap.QUEUE.value if job.overlap == Overlap.SKIP else job.overlap
        super().__init__(data, initial={"queue": queue_name(queue), "overlap": own})
        choices = {key: words for key, words in OVERLAPS.items() if key != Overlap.REPLACE or may_cancel or key == own}
        self.fields["overlap"].choices = list(choices.items())  # type: ignore[attr-defined]

    def clean_queue(self) -> str:
        try:
            return str(options.CHECKS["queue"]("queue", self.cleaned_data["queue"]))
        except InvalidInput as error:
            raise ValidationError(sentence(error)) from None


@in_viewers_zone
def run_now(admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show or take the form that runs a job. `admin` is that of jobs."""
    job = _job(admin, request, unquote(object_id))
    if job is None:
        return admin.gone(request, unquote(object_id))  # type: ignore[no-any-return]
    return _Page(admin, request, job, None).answer()


@in_viewers_zone
def run_again(admin: Any, request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Show or take the form that runs an ended run's job again. `admin` is that of runs."""
    if not admin.has_view_permission(request):
        raise PermissionDenied
    try:
        run = runs.get(run_id)
    except RunNotFound:
        return admin.gone(request, str(run_id))  # type: ignore[no-any-return]
    job = _job(admin, request, run.job_id)
    problem = ""
    if run.is_live:
        problem = _("It has not ended yet; then it can be run again.")
    elif job is None:
        problem = _("Its job is gone, so it can’t be run again.")
    if problem or job is None:
        admin.message_user(request, problem, messages.WARNING)
        return HttpResponseRedirect(admin.url_of(run_id))
    return _Page(admin, request, job, run).answer()


def _job(admin: Any, request: HttpRequest, job_id: str) -> ScheduledTask | None:
    if not admin.has_run_permission(request):
        raise PermissionDenied
    try:
        return get_job(job_id) if "\x00" not in job_id else None
    except JobNotFound:
        return None


class _Page:
    """One request for the form, of a job or of a run that is to be repeated."""

    def __init__(self, admin: Any, request: HttpRequest, job: ScheduledTask, repeats: TaskRun | None) -> None:
        self.admin, self.request, self.job, self.repeats = admin, request, job, repeats
        self.given = job if repeats is None else repeats
        self.may_see = admin.may(request, "view_arguments")
        self.may_change = self.may_see and admin.may(request, "run_job_with_arguments")
        self.token = request.POST.get("token") or new_token()
        self.back_url = admin.url_of(self.given.pk)
        data = request.POST if request.method == "POST" else None
        self.form = RunForm(job, queue=self.given.queue, may_cancel=admin.may(request, "cancel_run"), data=data)
        self.arguments = (
            ArgumentForm(job.task, self.given.args, self.given.kwargs, data=data) if self.may_change else None
        )
        if data is not None and not self.may_change and any(name.startswith("arguments-") for name in data):
            raise PermissionDenied

    def answer(self) -> HttpResponse:
        if self.job.removed_at is not None and self.request.method != "POST":
            self.admin.message_user(self.request, _("It has been removed, so it can’t be run."), messages.WARNING)
            return HttpResponseRedirect(self.back_url)
        if self.request.method == "POST" and self.request.headers.get("HX-Request") and self.arguments is not None:
            context = {"arguments": self.arguments.switched(), "arguments_url": self.request.path}
            return TemplateResponse(self.request, "admin/scheduler/arguments.html", context)
        if self.request.method == "POST" and self._is_valid():
            try:
                return self._land(self._run())
            except SchedulerError as error:
                self._blame(error)
        return TemplateResponse(self.request, "admin/scheduler/scheduledtask/run.html", self._context())

    def _is_valid(self) -> bool:
        return all([self.form.is_valid(), self.arguments is None or self.arguments.is_valid()])

    def _run(self) -> TaskRun:
        told: dict[str, Any] = {**self.form.cleaned_data, "by": asked_by(self.request)}
        check_permitted(self.request.user, self.job.task)
        if self.arguments is not None:
            told |= {"args": self.arguments.args, "kwargs": self.arguments.kwargs}
        new_id = id_of(self.token, self.given.pk)
        if self.repeats is None:
            return jobs.run_job(self.job.id, run_id=new_id, **told)
        if self.arguments is None:
            self.admin.check_may_repeat(self.request, self.repeats)
        return runs.retry(self.repeats.pk, new_id=new_id, **told)

    def _land(self, run: TaskRun) -> HttpResponse:
        """Note what was asked for, and go to where it can be watched."""
        changed = (run.args, run.kwargs) != (self.given.args, self.given.kwargs)
        record = _("Run asked for, with other arguments.") if changed else _("Run asked for.")
        self.admin.log_change(self.request, self.given, record)
        self.admin.message_user(self.request, done_text("run_now", 1), messages.SUCCESS)
        sees = self.admin.may_view(self.request, TaskRun)
        return HttpResponseRedirect(self.admin.url_of(run.pk, of=TaskRun) if sees else self.back_url)

    def _blame(self, error: SchedulerError) -> None:
        """Put an error where its input is."""
        if isinstance(error, JobNotFound | NotAllowed):
            text = _("Its job has been removed meanwhile, so it can’t be run. Nothing was done.")
            self.form.add_error(None, text if isinstance(error, JobNotFound) else explained(error))
        elif isinstance(error, InvalidInput) and error.field in self.form.fields:
            self.form.add_error(error.field, sentence(error))
        elif self.arguments is not None and isinstance(error, InvalidInput) and error.field in ("args", "kwargs"):
            self.arguments.add_error(None, sentence(error))
        else:
            self.form.add_error(None, explained(error))

    def _context(self) -> dict[str, Any]:
        args, kwargs = mask_arguments(self.job.task, self.given.args, self.given.kwargs) if self.may_see else ([], {})
        live = TaskRun.objects.filter(job_id=self.job.pk, state__in=LIVE).count()
        title = _("Run again: %s") if self.repeats else _("Run %s now")
        return {
            **self.admin.frame(self.request, title % harmless(self.job)),
            "original": self.given,
            "name": harmless(self.job),
            "job": self.job,
            "back_url": self.back_url,
            "form": self.form,
            "arguments": self.arguments,
            "arguments_url": self.request.path,
            "may_see": self.may_see,
            "args": as_json(args) if args else "",
            "kwargs": as_json(kwargs) if kwargs else "",
            "token": self.token,
            "live": live,
            "most": None if self.job.overlap == Overlap.ALLOW else self.job.max_instances,
            "queues": _known_queues(),
            "has_errors": bool(self.form.errors or (self.arguments is not None and self.arguments.errors)),
        }


def _known_queues() -> list[str]:
    """Return the queues that jobs name or live workers listen on."""
    named = ScheduledTask.objects.order_by("queue").values_list("queue", flat=True).distinct()[:MOST_QUEUES]
    return sorted({queue_name(queue) for queue in named} | set(queues.listening()))
