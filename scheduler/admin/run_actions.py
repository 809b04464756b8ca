"""Cancelling runs and running them again: one, some, or after a question all that match; web process."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import bulk, clock, conf, runs
from ..allowed import check_permitted
from ..exceptions import NotAllowed, SchedulerError
from ..models import LIVE, TERMINAL, BulkAction, ScheduledTask, TaskRun
from .badges import badge
from .base import ConsoleAdmin, asked_by
from .lists import is_across
from .once import id_of, new_token
from .run_filters import instant
from .run_list import STRETCH
from .text import explained, harmless
from .times import clock as clock_time
from .times import time_tag

AT_ONCE = 100
"""Runs that a request acts on itself; more are left to the engine."""
SHOWN = 10
BULK = {"cancel": "cancel", "run_again": "retry"}
"""What the engine calls these actions."""


class RunActions(ConsoleAdmin[TaskRun]):
    """Each action needs its permission and says what it did and to how many."""

    actions = ("cancel", "run_again")
    page_actions = ("cancel", "run_again")
    fitting: ClassVar[dict[str, tuple[str, ...]]] = {"cancel": LIVE, "run_again": TERMINAL}

    def has_run_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "run_job")

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return self.may(request, "cancel_run")

    @admin.action(permissions=["cancel"], description=gettext_lazy("Cancel the selected runs"))
    def cancel(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> HttpResponse | None:
        if is_across(request):
            return self._all_that_match(request, queryset, "cancel", self._cancel)
        return self._cancel(request, queryset)

    def _cancel(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> HttpResponse | None:
        by = asked_by(request)
        done, _refused = self.each(
            request, queryset, lambda run: runs.cancel(run.pk, by=by), record=_("Cancel asked for.")
        )
        asked = sum(run.is_live for run in done)
        if ended := len(done) - asked:
            text = ngettext("Cancelled %s run.", "Cancelled %s runs.", ended) % f"{ended:,}"
            self.message_user(request, text, messages.SUCCESS)
        if asked:
            text = ngettext("Asked %s running run to stop.", "Asked %s running runs to stop.", asked) % f"{asked:,}"
            self.message_user(request, text, messages.SUCCESS)
        return None

    @admin.action(permissions=["run"], description=gettext_lazy("Run the selected runs again"))
    def run_again(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> HttpResponse | None:
        if is_across(request):
            return self._all_that_match(request, queryset, "run_again", self._run_again)
        return self._run_again(request, queryset)

    def _run_again(self, request: HttpRequest, queryset: QuerySet[TaskRun]) -> HttpResponse | None:
        token = request.POST.get("token") or new_token()

        def again(run: TaskRun) -> TaskRun:
            self.check_may_repeat(request, run)
            check_permitted(request.user, run.task)
            return runs.retry(run.pk, by=asked_by(request), new_id=id_of(token, run.pk))

        new, refused = self.each(request, queryset.order_by("scheduled_at"), again, record=_("Run again asked for."))
        if not new:
            return None
        text = ngettext("Asked for %s new run.", "Asked for %s new runs.", len(new)) % f"{len(new):,}"
        self.message_user(request, text, messages.SUCCESS)
        return HttpResponseRedirect(self.url_of(new[0].pk)) if len(new) == 1 and not refused else None

    def check_may_repeat(self, request: HttpRequest, run: TaskRun) -> None:
        """Hold a run's arguments against its job's: others than the job's own need a right of their own.

        :raises NotAllowed: if the user lacks it
        """
        if self.may(request, "run_job_with_arguments"):
            return
        job = ScheduledTask.objects.filter(pk=run.job_id).only("args", "kwargs").first()
        if job is not None and (run.args, run.kwargs) != (job.args, job.kwargs):
            raise NotAllowed(_("It had other arguments than its job has now, and you may not choose arguments."))

    # -- all that match ------------------------------------------------------------------------------------------------

    def _all_that_match(
        self, request: HttpRequest, queryset: QuerySet[TaskRun], action: str, at_once: Callable[..., Any]
    ) -> HttpResponse | None:
        """Say what would be done and to how many; do it once that is confirmed, to no run that came later."""
        now = clock.now()
        asked_at = instant(request.POST.get("asked_at", "")) or now
        fitting = queryset.filter(state__in=self.fitting[action], created_at__lte=min(asked_at, now))
        found = list(fitting.order_by("-scheduled_at").values_list("pk", "state", "task")[:STRETCH])
        ids = [key for key, _state, _task in found]
        if not ids:
            self.message_user(request, _("Of the runs that match, there is none to do that to."), messages.WARNING)
            return None
        if request.POST.get("confirmed") != "yes":
            return self._ask(request, action, Counter(state for _key, state, _task in found), ids[:SHOWN], asked_at)
        if len(ids) <= AT_ONCE:
            return at_once(request, TaskRun.objects.filter(pk__in=ids))  # type: ignore[no-any-return]
        try:
            self._check_may_do_to_many(request, action, {task for _key, _state, task in found})
        except SchedulerError as error:
            self.message_user(request, explained(error), messages.ERROR)
            return None
        token = request.POST.get("token") or new_token()
        by, user_id = asked_by(request), request.user.pk
        started = bulk.start(BULK[action], ids, by=by, user_id=user_id, bulk_id=id_of(token, action))
        text = ngettext("Begun, with %s run.", "Begun, with %s runs.", started.total) % f"{started.total:,}"
        self.message_user(request, text, messages.SUCCESS)
        if self.may_view(request, BulkAction):
            return HttpResponseRedirect(self.url_of(started.pk, of=BulkAction))
        return None

    def _check_may_do_to_many(self, request: HttpRequest, action: str, tasks: set[str]) -> None:
        """Hold what the engine is to do, which knows no permissions, against those of the user.

        :raises SchedulerError: if one is missing
        """
        if action != "run_again":
            return
        if not self.may(request, "run_job_with_arguments"):
            raise NotAllowed(_("So many are run again only for people who may choose arguments. Nothing was done."))
        for task in sorted(tasks):
            check_permitted(request.user, task)

    def _ask(
        self, request: HttpRequest, action: str, states: Counter[str], some: list[uuid.UUID], asked_at: Any
    ) -> HttpResponse:
        count = states.total()
        title = {
            "cancel": ngettext("Cancel %s run?", "Cancel %s runs?", count),
            "run_again": ngettext("Run %s run again?", "Run %s runs again?", count),
        }[action]
        button = {
            "cancel": ngettext("Cancel %s run", "Cancel %s runs", count),
            "run_again": ngettext("Run %s run again", "Run %s runs again", count),
        }[action]
        context = {
            **self.frame(request, title % f"{count:,}"),
            "media": self.media,
            "button": button % f"{count:,}",
            "action": action,
            "states": [(badge(state), number) for state, number in states.most_common()],
            "runs": [
                {"job": harmless(job), "time": time_tag(at, clock_time(at, asked_at))}
                for job, at in TaskRun.objects.filter(pk__in=some)
                .order_by("-scheduled_at")
                .values_list("job_id", "scheduled_at")
            ],
            "more": count - len(some),
            "is_cut": count >= STRETCH,
            "grace": round(conf.get("CANCEL_GRACE")),
            "in_background": count > AT_ONCE,
            "checkbox_name": ACTION_CHECKBOX_NAME,
            "asked_at": asked_at.isoformat(),
            "token": new_token(),
            "back_url": request.get_full_path(),
        }
        return TemplateResponse(request, "admin/scheduler/taskrun/confirm_all.html", context)
