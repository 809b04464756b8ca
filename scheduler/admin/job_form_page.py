"""What the page with a job's form shows around it: choices, preview, faults, what the code says; web process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import QueryDict

from .. import clock, overrides
from ..documents import queue_name
from ..models import ServiceProcess
from .form_data import replaced
from .inputs import datalist
from .job_fields import in_words
from .job_form import JobForm
from .schedule_form import ScheduleForm, zone_suggestions
from .schedule_preview import preview
from .task_choices import task_choices
from .text import harmless

ABOUT = ("name", "description", "tags", "owner")
POLICIES = ("overlap", "catch_up", "on_lost")
WHERE = ("queue", "priority", "max_instances")
FOLDED = ("soft_time_limit", "time_limit", "expires", "misfire_grace_time", "run_at_start")


def form_context(form: JobForm) -> dict[str, Any]:
    """Return what form.html shows of a form."""
    faults = list(_faults(form))
    said = overrides.declared(form.job) if form.job is not None else {}
    changed = overrides.overridden(form.job) if form.job is not None else {}
    task = form.job.task if form.job is not None else ""
    return {
        "form": form,
        "arguments": form.arguments,
        "schedule": form.schedule,
        "about": ABOUT,
        "policies": POLICIES,
        "where": WHERE,
        "folded": FOLDED,
        "folded_open": any(form.errors.get(name) for name in FOLDED) or _differs(form, FOLDED),
        "faults": faults,
        "first_fault": faults[0]["id"] if faults else "",
        "tasks": task_choices(form.user, task),
        "queues": datalist("sched-queues", _queues()),
        "zones": zone_suggestions(),
        "preview": preview_of(form.schedule, form.job.pk if form.job is not None else ""),
        "owned": said.keys(),
        "overrides": {name: in_words(name, value, str(said.get("task", ""))) for name, value in changed.items()},
    }


def preview_of(schedule: ScheduleForm, job_id: str) -> dict[str, Any]:
    """Return the preview of what the fields hold now, or why there is none.

    :param job_id: of the job that has the schedule, or will
    """
    data = schedule.data if schedule.is_bound else replaced(QueryDict(), schedule)
    for part in schedule.parts if not schedule.is_bound else ():
        data = replaced(data, part)  # type: ignore[arg-type]
    judged = ScheduleForm(data=data, prefix=schedule.prefix or "")
    if judged.is_valid() and judged.trigger is not None:
        return preview(judged.trigger, clock.now(), job_id=job_id)
    wrong = [str(error) for part in judged.parts if part.is_bound for found in part.errors.values() for error in found]
    wrong = wrong or [str(error) for found in judged.errors.values() for error in found]
    return {"fault": harmless(wrong[0]) if wrong else ""}


def _faults(form: JobForm) -> Iterator[dict[str, str]]:
    """Yield what is wrong, in the order of the page, with the id of the input that it is about."""
    used = [part for part in form.schedule.parts if form.schedule["kind"].value() == "combined"]
    groups: list[tuple[forms.BaseForm, tuple[str, ...]]] = [
        (form, ("task",)), (form.arguments, ()), (form.schedule, ()), *((part, ()) for part in used),
        (form, tuple(name for name in form.fields if name != "task")),
    ]  # fmt: skip
    for group, names in groups:
        if not group.is_bound or group.errors is None:
            continue
        for name, errors in group.errors.items():
            if names and name not in names and name != NON_FIELD_ERRORS:
                continue
            if name == NON_FIELD_ERRORS:
                place, called = ("arguments-error" if group is form.arguments else "sched-errors"), ""
            else:
                place, called = group[name].id_for_label or group[name].auto_id, str(group[name].label)
            for error in errors:
                yield {"id": place, "label": called, "text": str(error)}


def _differs(form: JobForm, names: tuple[str, ...]) -> bool:
    return any(form[name].value() not in (None, "", False) for name in names)


def _queues() -> list[str]:
    """Return the queues that live workers listen on, and the default one."""
    lists = ServiceProcess.objects.filter(kind=ServiceProcess.Kind.WORKER, stopped_at=None).values_list(
        "queues", flat=True
    )
    names = {str(name) for found in lists[:500] if isinstance(found, list) for name in found}
    return sorted(map(harmless, {queue_name(""), *names}))
