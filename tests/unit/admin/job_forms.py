"""Opens the form of a job in a test client, types into it and sends it, as a person does."""

from __future__ import annotations

from typing import Any

from django import forms
from django.test import Client

from scheduler import add_job
from scheduler.admin.job_form import JobForm
from scheduler.models import ScheduledTask

from .forms import sent
from .pages import JOBS

ADD = JOBS + "add/"
GREET = "tests.app.typed_tasks.greet"


def edit_url(job_id: str) -> str:
    return f"{JOBS}{job_id}/edit/"


def opened(client: Client, url: str) -> dict[str, Any]:
    """Return what a browser would send for the page's form if nobody touched it."""
    response = client.get(url)
    assert response.status_code == 200, response
    return data_of(response)


def data_of(response: Any) -> dict[str, Any]:
    """Return what a browser would send for the form that a response shows."""
    like = response.context.get("like")
    return data_of_form(response.context["form"]) | ({"like": like.pk} if like else {})


def data_of_form(form: JobForm) -> dict[str, Any]:
    """Return what a browser would send for a form as it stands."""
    data = sent(form) | sent(form.schedule) | {"task": form.chosen_task}
    for part in form.schedule.parts:
        data |= sent(part)
    if form.may_see_arguments or form.job is None:
        data |= sent(form.arguments)
        if not form.arguments.knows_fields and form.arguments.task:
            data["arguments-as_json"] = "on"
    if form.job is not None:
        data["job"] = form.job.pk
    return data


def send(client: Client, url: str, data: dict[str, Any], **typed: Any) -> Any:
    """Send a form with some inputs changed; None empties one, names may have `__` for the dash of a part."""
    changed = {name.replace("__", "-"): value for name, value in typed.items()}
    merged = {**data, **changed}
    return client.post(url, {name: value for name, value in merged.items() if value is not None}, follow=True)


def faults(response: Any) -> dict[str, list[str]]:
    """Return the errors of all forms of the page by field, parts of the schedule by their prefix."""
    form = response.context["form"]
    found: dict[str, list[str]] = {}
    groups: list[tuple[str, forms.BaseForm]] = [
        ("", form),
        ("arguments-", form.arguments),
        ("schedule-", form.schedule),
    ]
    groups += [(f"{part.prefix}-", part) for part in form.schedule.parts if part.is_bound]
    for prefix, group in groups:
        for name, errors in (group.errors if group.is_bound else {}).items():
            found[prefix + name] = [str(error) for error in errors]
    return found


def greeting(**more: Any) -> ScheduledTask:
    """Store a job that greets."""
    return add_job(GREET, "interval", minutes=5, **{"id": "hello", "args": ["ann"], **more})
