"""What may be done to jobs from their list and pages: run now, pause, resume, remove; web process.

One job at a time it is done at once, but for removing; several are asked about first, and more than a hundred are left
to the engine.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import bulk
from ..allowed import check_permitted, may_use
from ..jobs import pause_job, remove_job, resume_job, run_job
from ..models import BulkAction, ScheduledTask, TaskRun
from .base import ConsoleAdmin, asked_by
from .history import moved
from .job_filters import JOB_STATES
from .job_questions import done_text, question
from .lists import is_across
from .once import id_of, new_token
from .text import harmless

AT_ONCE = 100
"""Jobs that a request acts on itself; more are left to the engine."""
NAMED = 10
"""Jobs that a question names; it counts the others."""
IN_BULK = {"run_now": "run"}
"""What `bulk` calls an action, where its name is another."""
FITTING_ACTIONS = {
    "scheduled": ("run_now", "pause", "remove"),
    "paused": ("run_now", "resume", "remove"),
    "finished": ("run_now", "remove"),
    "broken": ("run_now", "pause", "remove"),
    "removed": (),
}
"""The actions that make sense in each state of a job; what is asked for all the same, `jobs.py` judges."""


class JobActions(ConsoleAdmin[ScheduledTask]):
    """Each action needs its permission, is carried out job by job, and says what it did and to how many."""

    actions = ("run_now", "run_with", "pause", "resume", "remove")
    page_actions = ("run_now", "pause", "resume", "remove")

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
        return self._act_on(request, queryset, "run_now")

    @admin.action(permissions=["run"], description=gettext_lazy("Run the selected job with other arguments …"))
    def run_with(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        chosen = list(queryset.values_list("pk", flat=True)[:2])
        if len(chosen) == 1:
            return HttpResponseRedirect(self.url_of(chosen[0], "run"))
        self.message_user(request, _("Select one job: each has arguments of its own."), messages.WARNING)
        return None

    @admin.action(permissions=["pause"], description=gettext_lazy("Pause the selected jobs"))
    def pause(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        return self._act_on(request, queryset, "pause")

    @admin.action(permissions=["pause"], description=gettext_lazy("Resume the selected jobs"))
    def resume(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        return self._act_on(request, queryset, "resume")

    @admin.action(permissions=["remove"], description=gettext_lazy("Remove the selected jobs …"))
    def remove(self, request: HttpRequest, queryset: QuerySet[ScheduledTask]) -> HttpResponse | None:
        return self._act_on(request, queryset, "remove")

    def _act_on(self, request: HttpRequest, queryset: QuerySet[ScheduledTask], action: str) -> HttpResponse | None:
        """Say what would be done and to how many; do it once that is confirmed, if it is still so many."""
        chosen = queryset.count()
        if chosen == 1 and action != "remove":
            return self._at_once(request, queryset, action)
        ids = self._fitting(request, queryset, action)
        if not ids:
            text = _("Of the jobs that were chosen, there is none to do that to.")
            self.message_user(request, text, messages.WARNING)
            return None
        if request.POST.get("confirmed") != "yes" or request.POST.get("count", str(len(ids))) != str(len(ids)):
            return self._ask(request, action, ids, left_alone=chosen - len(ids))
        if len(ids) <= AT_ONCE:
            return self._at_once(request, self.get_queryset(request).filter(pk__in=ids).order_by("pk"), action)
        once = id_of(request.POST.get("token") or new_token(), action)
        by, user_id = asked_by(request), str(request.user.pk)
        started = bulk.start(IN_BULK.get(action, action), ids, by=by, user_id=user_id, bulk_id=once)
        text = ngettext("Begun, with %s job.", "Begun, with %s jobs.", len(ids)) % f"{len(ids):,}"
        self.message_user(request, text, messages.SUCCESS)
        if self.may_view(request, BulkAction):
            return HttpResponseRedirect(self.url_of(started.pk, of=BulkAction))
        return None

    def _fitting(self, request: HttpRequest, queryset: QuerySet[ScheduledTask], action: str) -> list[str]:
        """Return the ids of those to which an action does something; of very many, those whose task the user may use.

        Of few, each that is refused is told.
        """
        fitting = list(queryset.filter(_condition(action)).order_by("pk").values_list("pk", "task"))
        if len(fitting) > AT_ONCE:
            permitted = {task: may_use(request.user, task) for task in {task for _, task in fitting}}
            fitting = [(key, task) for key, task in fitting if permitted[task]]
        return [key for key, _ in fitting]

    def _at_once(self, request: HttpRequest, jobs: QuerySet[ScheduledTask], action: str) -> HttpResponse | None:
        by, token = asked_by(request), request.POST.get("token") or new_token()
        acts: dict[str, tuple[Any, Any]] = {
            "run_now": (lambda job: run_job(job.id, by=by, run_id=id_of(token, job.id)), _("Run asked for.")),
            "pause": (lambda job: pause_job(job.id, by=by), moved),
            "resume": (lambda job: resume_job(job.id, by=by), moved),
            "remove": (lambda job: remove_job(job.id, by=by), moved),
        }
        act, record = acts[action]
        done, refused = self.each(request, jobs, act, record=record)
        if done:
            self.message_user(request, done_text(action, len(done)), messages.SUCCESS)
        if action == "run_now" and len(done) == 1 and not refused and self.may_view(request, TaskRun):
            return HttpResponseRedirect(self.url_of(done[0].pk, of=TaskRun))
        return None

    def _ask(self, request: HttpRequest, action: str, ids: list[str], *, left_alone: int) -> HttpResponse:
        named = self.get_queryset(request).filter(pk__in=ids[:NAMED]).order_by("pk")
        asked = question(action, len(ids))
        context = {
            **self.frame(request, asked["title"]),
            **asked,
            "media": self.media,
            "action": action,
            "count": len(ids),
            "has_changed": request.POST.get("confirmed") == "yes",
            "left_alone": left_alone,
            "in_background": len(ids) > AT_ONCE,
            "jobs": [(harmless(job), harmless(job.id)) for job in named],
            "more": max(0, len(ids) - NAMED),
            "selected": [] if is_across(request) else request.POST.getlist(ACTION_CHECKBOX_NAME),
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "select_across": "1" if is_across(request) else "0",
            "token": new_token(),
            "back_url": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/scheduler/scheduledtask/confirm.html", context)


def _condition(action: str) -> Q:
    """Return the condition for jobs to which an action does something."""
    fits = Q(pk__in=[])
    for state, actions in FITTING_ACTIONS.items():
        if action in actions:
            fits |= JOB_STATES[state]
    return fits
