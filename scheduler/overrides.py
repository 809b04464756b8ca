"""What people changed of jobs that the code declares, field by field, and the way back; any process."""

from __future__ import annotations

from typing import Any

from . import jobs, registry, syncing
from .db import write_transaction
from .exceptions import InvalidInput
from .lookup import get_job
from .models import ScheduledTask, Source
from .said import said as _
from .triggers import trigger_to_data

TOGETHER = {"task": ("task", "args", "kwargs"), "args": ("args", "kwargs"), "kwargs": ("args", "kwargs")}
"""Fields that go back together: arguments have to fit their task."""


def declared(job: ScheduledTask) -> dict[str, Any]:
    """Return what the code says of each field that it owns; `schedule` is data of the trigger. Empty for other jobs."""
    said = _said(job)
    fields = {name: value for name, value in said.items() if name != "trigger"}
    return {**fields, "schedule": _declared_trigger(job)} if said else {}


def _said(job: ScheduledTask) -> dict[str, Any]:
    """Return the declaration as it was synced last."""
    said = job.declared
    return said if job.source == Source.CODE and isinstance(said, dict) and "trigger" in said else {}


def overridden(job: ScheduledTask) -> dict[str, Any]:
    """Return the fields that a person changed, each with what the code says of it."""
    fields = declared(job)
    return {name: value for name, value in fields.items() if _differs(job, name)}


def _differs(job: ScheduledTask, name: str) -> bool:
    if name != "schedule":
        return bool(getattr(job, name) != _said(job)[name])
    current = syncing.stored_value(job, name)
    return current is not None and current != _said(job)["trigger"]  # one that can't be read, the sync writes anew


def _declared_trigger(job: ScheduledTask) -> Any:
    """Return data of the declared trigger; the stored one is older where the code changed after a person did."""
    found = registry.declarations()[0].get(job.id)
    if found is not None and found.schedule() == _said(job)["schedule"] and _differs(job, "schedule"):
        return trigger_to_data(found.build_trigger())
    return _said(job)["trigger"]


def revert(job_id: str, field: str, *, by: str = "", unchanged_since: Any = None) -> ScheduledTask:
    """Give a field of a declared job back to the code: it has the declared value again, and the sync keeps it so.

    :param field: an option, `task`, `args`, `kwargs` or `schedule`; arguments go back together, and with their task
    :param unchanged_since: as for `modify_job`
    :raises JobNotFound: if there is none of this id, or it was removed
    :raises InvalidInput: if the code says nothing of the field, or no longer what can be stored
    :raises StaleJob: if somebody changed the job meanwhile
    """
    with write_transaction():
        job = get_job(job_id, lock=True)
        said = declared(job)
        if field not in said:
            known = _("It owns %(fields)s.", fields=", ".join(sorted(said)))
            if not said:
                known = _("The job is not declared in code.")
            raise InvalidInput("field", field, _("is not the code's"), known)
        told = {name: said[name] for name in TOGETHER.get(field, (field,))}
        if field == "schedule":
            told = {"trigger": said["schedule"]}
        job = jobs.modify_job(job_id, by=by, unchanged_since=unchanged_since, **told)
        if field == "schedule":
            job.declared = {**_said(job), "trigger": syncing.stored_value(job, "schedule")}
            ScheduledTask.objects.filter(job_id=job_id).update(declared=job.declared)
    return job
