"""Forms of which the job went on changing: what somebody else changed, beside what this form says; web process."""

from __future__ import annotations

import json
from typing import Any

from django.utils.translation import gettext as _

from .job_fields import ARGUMENTS, FIELDS, digests, in_words, label
from .job_form import JobForm


def conflicts(form: JobForm) -> list[dict[str, str]]:
    """Return the fields that somebody changed after this form was opened; none if the form may be saved.

    What is no field of the form, such as a pause, is no conflict.

    :param form: one that changes a job, as it was sent
    """
    assert form.job is not None
    if form["version"].data == form.job.updated_at.isoformat():
        return []
    before, now = _read(form["base"].data), digests(form.now_stored)
    theirs = [name for name in FIELDS if before.get(name) != now[name]]
    mine = form.values() if form.is_valid() else {}
    return [_row(form, name, mine) for name in theirs]


def _row(form: JobForm, name: str, mine: dict[str, Any]) -> dict[str, str]:
    job = form.job
    assert job is not None
    if name in ARGUMENTS and not form.may_see_arguments:
        hidden = _("changed; you may not see arguments")
        return {"label": label(name), "theirs": hidden, "mine": hidden}
    shown = in_words(name, mine[name], form.chosen_task) if name in mine else _("not right yet: see below")
    return {"label": label(name), "theirs": in_words(name, form.now_stored[name], job.task), "mine": shown}


def _read(text: Any) -> dict[str, Any]:
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
