"""The question before a running task's process is ended at once: where it runs, and what will be lost; web process."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from .. import clock, runs
from ..exceptions import SchedulerError
from ..models import State, TaskRun
from .base import asked_by
from .processes import process_of, process_state
from .run_display import run_badge, run_length, run_progress
from .text import explained, harmless
from .times import ago
from .zones import in_viewers_zone


@in_viewers_zone
def terminate(admin: Any, request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Ask whether to end a run's process at once, and do so when that is confirmed for the attempt that was shown."""
    if not admin.has_view_permission(request) or not admin.has_cancel_permission(request):
        raise PermissionDenied
    back = HttpResponseRedirect(admin.url_of(run_id))
    try:
        run = runs.get(run_id)
        if request.method == "POST" and request.POST.get("attempt") == str(run.attempt):
            ended = runs.terminate(run_id, by=asked_by(request))
            admin.log_change(request, ended, _("Termination asked for."))
            text = _("Asked its worker to end it at once.") if ended.is_live else _("Cancelled 1 run.")
            admin.message_user(request, text, messages.SUCCESS)
            return back
    except SchedulerError as error:
        admin.message_user(request, explained(error), messages.ERROR)
        return back
    if run.state != State.RUNNING:
        admin.message_user(request, _("It is not running, so there is no process to end."), messages.WARNING)
        return back
    if request.method == "POST":
        text = _("Meanwhile another attempt has begun. Look again before you end it.")
        admin.message_user(request, text, messages.WARNING)
    return TemplateResponse(request, "admin/scheduler/taskrun/terminate.html", _question(admin, request, run))


def _question(admin: Any, request: HttpRequest, run: TaskRun) -> dict[str, Any]:
    now = clock.now()
    process = process_of(run)
    return {
        **admin.frame(request, _("End this run at once?")),
        "original": run,
        "back_url": admin.url_of(run.pk),
        "badge": run_badge(run),
        "length": run_length(run, now),
        "progress": run_progress(run),
        "job": harmless(run.job_id),
        "worker": harmless(run.worker),
        "heartbeat": ago(process.heartbeat_at, now) if process is not None else "",
        "is_silent": process is not None and process_state(process, now) != "alive",
        "was_asked": run.cancel_requested_at is not None,
    }
