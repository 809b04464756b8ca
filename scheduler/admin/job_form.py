"""The form of a job, to add one or to change one: it parses, and `jobs.py` judges; web process."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django import forms
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import jobs, options
from ..allowed import check_permitted
from ..exceptions import DuplicateJob, InvalidInput, JobNotFound, SchedulerError
from ..lookup import check_id
from ..models import ScheduledTask
from ..schedules import restore_trigger
from ..triggers import alike
from .argument_fields import ArgumentForm
from .job_fields import Snapshot, digests, snapshot
from .policy_fields import PolicyFields
from .schedule_form import ScheduleForm
from .text import sentence


class JobForm(PolicyFields):
    """A job's fields, with a form for its arguments and one for its schedule.

    :param user: whose permissions count
    :param job: the job that is changed; None to add one
    :param like: a job whose values a new one begins with
    :param task: the task that a new job begins with
    :param data: what a browser sent
    """

    id = forms.CharField(
        required=False, max_length=255, label=gettext_lazy("Id"), strip=False,
        help_text=gettext_lazy("Names the job for good. Empty: made from its name."),
    )  # fmt: skip
    task = forms.CharField(required=False, max_length=255, label=gettext_lazy("Task"))
    version = forms.CharField(required=False, widget=forms.HiddenInput)
    base = forms.CharField(required=False, widget=forms.HiddenInput)

    def __init__(
        self,
        user: Any,
        *,
        job: ScheduledTask | None = None,
        like: ScheduledTask | None = None,
        task: str = "",
        data: Mapping[str, Any] | None = None,
    ) -> None:
        self.user, self.job = user, job
        self.source = source = job or like
        self.now_stored: Snapshot = snapshot(job) if job is not None else {}
        super().__init__(data, initial=self._initial(job, like, task))
        self.may_see_arguments = source is None or user.has_perm("scheduler.view_arguments")
        if job is not None:
            del self.fields["id"]
        self.chosen_task = self._chosen_task()
        same = source is not None and self.chosen_task == source.task and self.may_see_arguments
        self.arguments = ArgumentForm(
            self.chosen_task,
            source.args if same and source else [],
            source.kwargs if same and source else {},
            data=data,
        )
        self.schedule = ScheduleForm(_trigger_of(source), data=data)

    def _initial(self, job: ScheduledTask | None, like: ScheduledTask | None, task: str) -> dict[str, Any]:
        source = job or like
        if source is None:
            return {**options.DEFAULTS, "task": task, "tags": ""}
        values = {name: getattr(source, name) for name in options.CHECKS}
        values = {name: int(v) if isinstance(v, float) and v.is_integer() else v for name, v in values.items()}
        values |= {
            "task": source.task,
            "tags": ", ".join(map(str, source.tags if isinstance(source.tags, list) else [])),
        }
        if job is not None:
            return {**values, "version": job.updated_at.isoformat(), "base": json.dumps(digests(self.now_stored))}
        return {**values, "id": source.id if source.removed_at else _copy_of(source.id)}

    def _chosen_task(self) -> str:
        if self.job is not None and not self.may_see_arguments:
            return self.job.task  # with another task, arguments that he may not see would become visible
        return str(self["task"].value() or "")

    # -- what was sent -------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        try:
            check_permitted(self.user, self.chosen_task)
            if self.job is not None:
                check_permitted(self.user, self.job.task)
        except InvalidInput as error:
            self.add_error("task", sentence(error))
        if not self.chosen_task and not self.errors.get("task"):
            self.add_error("task", _("Choose one."))
        self._judge()
        return self.cleaned_data

    def _judge(self) -> None:
        """Note what `jobs.py` would refuse first, one after the other, all at once."""
        checks = {name: check for name, check in options.CHECKS.items() if name in self.cleaned_data}
        for name, check in checks.items():
            try:
                check(name, self.cleaned_data[name])
            except InvalidInput as error:
                self.add_error(name, sentence(error))
        try:
            if self.cleaned_data.get("id"):
                check_id(self.cleaned_data["id"])
            options.split({name: self.cleaned_data.get(name) for name in ("soft_time_limit", "time_limit")})
        except InvalidInput as error:
            if not self.errors.get(error.field):
                self.add_error(error.field, sentence(error))

    def is_valid(self) -> bool:
        parts = [super().is_valid(), self.schedule.is_valid()]
        if self._takes_arguments:
            parts.append(self.arguments.is_valid())
        return all(parts)

    @property
    def _takes_arguments(self) -> bool:
        return self.may_see_arguments or self.job is None

    def quiet(self) -> JobForm:
        """Return the form with what was typed and without complaints: nobody asked to save it yet."""
        for form in (self, self.schedule, *self.schedule.parts, self.arguments):
            form._errors = forms.utils.ErrorDict()  # type: ignore[attr-defined]
            form.cleaned_data = {}
        return self

    def values(self) -> Snapshot:
        """Return the values that a valid form says, in the form of a snapshot; a schedule only if it is another one."""
        kept = self.now_stored if self.job is not None else {}
        found = {
            name: kept[name] if name in kept and name not in self.changed_data else self.cleaned_data[name]
            for name in options.CHECKS
        }
        found |= {"task": self.chosen_task, "schedule": self._schedule()}
        if self._takes_arguments:
            found |= {"args": self.arguments.args, "kwargs": self.arguments.kwargs}
        elif self.job is not None:
            found |= {"args": self.job.args, "kwargs": self.job.kwargs}
        return found

    def _schedule(self) -> Any:
        stored = _trigger_of(self.job)
        if stored is not None and self.schedule.trigger is not None and alike(stored, self.schedule.trigger):
            return self.now_stored["schedule"]
        return self.schedule.trigger_data

    # -- saving --------------------------------------------------------------------------------------------------------

    def save(self, by: str, unchanged_since: datetime | None = None) -> ScheduledTask | None:
        """Add the job or change it; None if that is refused, with the reason at its field.

        :param unchanged_since: as for `modify_job`
        :raises StaleJob: if somebody changed the job meanwhile
        :raises JobNotFound: if somebody removed it meanwhile
        """
        values = self.values()
        values["trigger"] = values.pop("schedule")
        try:
            if self.job is None:
                return jobs.add_job(id=self._new_id(), by=by, **values)
            stored = {**self.now_stored, "trigger": self.now_stored["schedule"]}
            told = {name: value for name, value in values.items() if name == "task" or value != stored[name]}
            return jobs.modify_job(self.job.id, by=by, unchanged_since=unchanged_since, **told)
        except DuplicateJob:
            self.add_error("id", _("Another job has this id. Choose another one."))
        except JobNotFound:
            raise
        except InvalidInput as error:
            self.place(error)
        return None

    def _new_id(self) -> str | None:
        return self.cleaned_data["id"] or slugify(self.cleaned_data["name"], allow_unicode=True)[:255] or None

    def place(self, error: InvalidInput) -> None:
        """Put what `jobs.py` refuses at the field that it is about."""
        if error.field.split(".")[0] in ("trigger", "crontab", "timezone"):
            self.schedule.place(error)
        elif error.field in ("args", "kwargs"):
            self.arguments.add_error(f"{error.field}_json" if self.arguments.by_json else None, sentence(error))
        else:
            self.add_error(error.field if error.field in self.fields else None, sentence(error))


def _trigger_of(job: ScheduledTask | None) -> Any:
    """Return a job's trigger, or None where there is none to read."""
    try:
        return None if job is None else restore_trigger(job)
    except SchedulerError:
        return None


def _copy_of(job_id: str) -> str:
    return f"{job_id[:250]}-copy"
