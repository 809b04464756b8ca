"""Every error that Tickwork raises on purpose; used in all processes."""

from __future__ import annotations

from typing import Any

from apscheduler.jobstores.base import ConflictingIdError, JobLookupError

from .said import said as _

SHOWN_CHARACTERS = 120


def shorten(value: Any) -> str:
    """Return `value` as an error message may show it: its repr, on one line, 120 characters at most."""
    try:
        text = repr(value)
    except Exception:  # a broken __repr__ must not hide the error that we are about to report
        text = f"<{type(value).__name__}>"
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


class SchedulerError(Exception):
    """The base of all of them: `except SchedulerError` catches whatever Tickwork refuses."""


class InvalidInput(SchedulerError, ValueError):
    """A value was refused at the door; nothing was changed.

    :param field: the argument, option or form field that holds the value
    :param value: the value as it was given
    :param problem: what is wrong with it, as the rest of a sentence
    :param mend: what to write instead, as a sentence
    """

    def __init__(self, field: str, value: Any, problem: str, mend: str = "") -> None:
        self.field, self.value, self.problem, self.mend = field, value, problem, mend
        super().__init__(f"{field}: {shorten(value)} {problem}." + (f" {mend}" if mend else ""))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.field, self.value, self.problem, self.mend)


class InvalidTrigger(InvalidInput):
    """A trigger that can't be built, never fires, or would keep the engine busy for ever."""


class InvalidSetting(InvalidInput):
    """A wrong key or value in `settings.SCHEDULER` or in the environment."""


class UnknownTask(InvalidInput):
    """No Celery task of this name is registered here or on a live worker."""


class DuplicateJob(InvalidInput, ConflictingIdError):
    """A job with this id exists. Also an APScheduler `ConflictingIdError`."""

    def __init__(self, job_id: str, replace: str = "replace_existing=True") -> None:
        self.replace = replace
        mend = _("Choose another id, or replace the job with %(replace)s.", replace=replace)
        InvalidInput.__init__(self, "id", job_id, _("is taken by another job"), mend)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value, self.replace)

    __str__ = Exception.__str__  # not KeyError's, which would print the repr of the message


class JobNotFound(InvalidInput, JobLookupError):
    """No job has this id. Also an APScheduler `JobLookupError`."""

    def __init__(self, job_id: str) -> None:
        InvalidInput.__init__(self, "id", job_id, _("names no job"), _("`manage.py jobs list` shows the ids."))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value,)

    __str__ = Exception.__str__


class RunNotFound(InvalidInput):
    """No run has this id."""

    def __init__(self, run_id: object) -> None:
        super().__init__("id", str(run_id), _("names no run"), _("`manage.py runs list` shows the ids."))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.value,)


class NotAllowed(SchedulerError):
    """The run or job is in a state that doesn't allow the action (a finished run can't be cancelled)."""


class StaleJob(NotAllowed):
    """Somebody changed the job after the caller had read it; nothing was changed."""

    def __init__(self, job_id: str) -> None:
        self.job_id = job_id
        super().__init__(_("Job %(job)r was changed meanwhile. Read it again, and decide anew.", job=job_id))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.job_id,)


class RestoreError(SchedulerError):
    """A stored job can't be read back; it is set aside with this message as the reason."""


class PlanningError(SchedulerError):
    """A stored trigger took too many steps or failed; its job is set aside with this message as the reason."""


class TaskCancelled(SchedulerError):
    """Raised by `progress()` inside a task whose run somebody has cancelled."""


class TaskOutOfMemory(SchedulerError):
    """Takes the place of a task's `MemoryError`, which would stop Celery's whole prefork worker."""
