"""Brings the stored jobs in step with those declared in code; the scheduler's start and `manage.py syncjobs`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django_apscheduler.models import DjangoJob

from . import arguments, jobs, known_tasks, options, triggers
from .db import write_transaction
from .exceptions import DuplicateJob, InvalidInput, RestoreError, SchedulerError
from .models import ScheduledTask, Source
from .registry import Declaration, declarations
from .said import said as _
from .schedules import restore_trigger


@dataclass
class SyncReport:
    """What a sync did, or would do."""

    added: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    overridden: list[tuple[str, str]] = field(default_factory=list)
    """(job, field): the code says something new, and a person's change is kept."""
    gone: list[str] = field(default_factory=list)
    """Stored from code, and no longer declared."""
    removed: list[str] = field(default_factory=list)
    """Of those, the ones that were removed because `prune` was asked for."""
    refused: list[tuple[str, str]] = field(default_factory=list)
    """(job, error): declarations that can't be stored; what is stored under their ids stays as it is."""
    unloaded: list[tuple[str, str]] = field(default_factory=list)
    """(module, error): task modules whose declarations are unknown."""
    schedules: dict[str, str] = field(default_factory=dict)
    """The schedules, in words, of jobs that were added, or changed in their schedule."""
    warnings: list[tuple[str, str]] = field(default_factory=list)
    """(job, warning) of these schedules."""

    @property
    def complete(self) -> bool:
        """Whether every declaration could be read and stored."""
        return not self.refused and not self.unloaded


def sync(*, plan_only: bool = False, prune: bool = False) -> SyncReport:
    """Bring the stored jobs in step with the declared ones.

    Unchanged jobs are not written at all, so they keep their next run time. Field by field, what a person changed is
    kept. A declaration that has gone is reported, and its job removed only with `prune`. A job that a person removed
    stays removed. A declaration that can't be stored is reported, and costs only itself. While a task module can't be
    loaded, nobody knows what has gone, so nothing is reported as gone.

    :param plan_only: report and change nothing
    :raises InvalidInput: if `prune` is asked for while a task module can't be loaded; nothing is changed then
    """
    declared, refused = declarations()
    report = SyncReport(
        refused=[(job_id, str(error)) for job_id, error in refused.items()],
        unloaded=sorted(known_tasks.unloaded.items()),
    )
    if prune and report.unloaded:
        raise InvalidInput(
            "prune", ", ".join(module for module, _why in report.unloaded), _("could not be loaded"),
            _("Mend it first: its jobs would count as gone."),
        )  # fmt: skip
    for job_id, declaration in declared.items():
        try:
            wanted = _wanted(declaration)
            try:
                _sync_one(job_id, declaration, wanted, report, plan_only)
            except DuplicateJob:  # another process that syncs has just added it
                _sync_one(job_id, declaration, wanted, report, plan_only)
        except SchedulerError as error:
            report.refused.append((job_id, str(error)))
    if not report.unloaded:
        stored = ScheduledTask.objects.filter(source=Source.CODE, removed_at=None).values_list("job_id", flat=True)
        report.gone = sorted(set(stored) - set(declared) - set(refused))
    if prune and not plan_only:
        for job_id in report.gone:
            jobs.remove_job(job_id, by="syncjobs")
            ScheduledTask.objects.filter(job_id=job_id).update(declared=None)
            report.removed.append(job_id)
    return report


def _wanted(declaration: Declaration) -> dict[str, Any]:
    """Return the declared value of every field, checked."""
    name = known_tasks.task_name(declaration.task)
    args, kwargs = arguments.check_arguments(name, declaration.args, declaration.kwargs)
    fields = {**options.DEFAULTS, **declaration.options, "task": name, "args": args, "kwargs": kwargs}
    return {**fields, "schedule": declaration.schedule()}


def _sync_one(
    job_id: str, declaration: Declaration, wanted: dict[str, Any], report: SyncReport, plan_only: bool
) -> None:
    with write_transaction():
        DjangoJob.objects.select_for_update().filter(id=job_id).first()
        job = ScheduledTask.objects.select_related("job").filter(job_id=job_id).first()
        if job is None or (job.removed_at is not None and job.declared is None):
            if not plan_only:
                _add(declaration, wanted)
            report.added.append(job_id)
            _tell_schedule(declaration, report)
        elif job.removed_at is None:
            changes = _changes(job, wanted, report)
            if not changes and job.declared is not None and _said(job.declared) == wanted:
                report.unchanged.append(job_id)
                return
            if not plan_only:
                _change(job, declaration, wanted, changes)
            (report.changed if changes else report.unchanged).append(job_id)
            if "schedule" in changes:
                _tell_schedule(declaration, report)


def _tell_schedule(declaration: Declaration, report: SyncReport) -> None:
    trigger = declaration.build_trigger()
    report.schedules[declaration.id] = triggers.describe(trigger)
    report.warnings += [(declaration.id, text) for text in triggers.warnings(trigger)]


def _add(declaration: Declaration, wanted: dict[str, Any]) -> None:
    job = jobs.add_job(
        declaration.task,
        declaration.trigger,
        wanted["args"],
        wanted["kwargs"],
        declaration.id,
        crontab=declaration.crontab,
        source=Source.CODE,
        **declaration.options,
        **declaration.trigger_args,
    )
    _note(job, wanted)


def _changes(job: ScheduledTask, wanted: dict[str, Any], report: SyncReport) -> set[str]:
    """Return the fields that the code has changed since the last sync and no person has.

    A schedule that can't be restored is written anew: the code says what it was.
    """
    declared = job.declared or {}
    changes = set()
    for name, value in wanted.items():
        if name == "schedule" and stored_value(job, name) is None:
            changes.add(name)
            continue
        if declared.get(name) == value and name in declared:
            continue
        current, before = stored_value(job, name), declared.get("trigger" if name == "schedule" else name)
        if name != "schedule" and current == value:
            continue
        if name in declared and current == before:
            changes.add(name)
        else:
            report.overridden.append((job.id, name))
    return changes


def stored_value(job: ScheduledTask, name: str) -> Any:
    """Return the stored value of a declared field; of `schedule`, data of its trigger, None where it can't be read."""
    if name != "schedule":
        return getattr(job, name)
    try:
        return triggers.trigger_to_data(restore_trigger(job))
    except RestoreError:
        return None


def _change(job: ScheduledTask, declaration: Declaration, wanted: dict[str, Any], changes: set[str]) -> None:
    told = {name: wanted[name] for name in changes if name != "schedule"}
    if "schedule" in changes:
        told["trigger"] = triggers.trigger_to_data(declaration.build_trigger())
    if told:
        job = jobs.modify_job(job.id, by="syncjobs", **told)
    _note(job, wanted, keep_trigger="schedule" not in changes)


def _note(job: ScheduledTask, wanted: dict[str, Any], *, keep_trigger: bool = False) -> None:
    """Remember what the code said, and the trigger that came of it (an interval's start is not in the code)."""
    before = (job.declared or {}).get("trigger")
    trigger = before if keep_trigger else triggers.trigger_to_data(restore_trigger(job))
    ScheduledTask.objects.filter(job_id=job.id).update(declared={**wanted, "trigger": trigger}, source=Source.CODE)


def _said(declared: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in declared.items() if name != "trigger"}
