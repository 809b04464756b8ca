"""Jobs declared in code: the decorator that collects them; in all processes that load tasks."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from . import known_tasks, options, triggers
from .exceptions import InvalidInput
from .lookup import check_id
from .said import said as _
from .schedules import build_trigger

logger = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True)
class Declaration:
    """One `@scheduled_job`: the task and everything that was said of its job."""

    task: Any
    trigger: Any
    crontab: str | None
    args: Any
    kwargs: Any
    given_id: str | None
    options: dict[str, Any]
    trigger_args: dict[str, Any]

    @property
    def id(self) -> str:
        return self.given_id or str(self.task.name)

    def schedule(self) -> dict[str, Any]:
        """Return what was said of the trigger, as JSON that compares equal as long as the code stays as it is."""
        if self.crontab is not None:
            said: Any = {"crontab": self.crontab}
        elif isinstance(self.trigger, str) or self.trigger is None:
            said = {"alias": self.trigger or "date"}
        elif isinstance(self.trigger, dict):
            said = self.trigger
        else:
            said = triggers.trigger_to_data(triggers.trigger_from_arguments(self.trigger, {}))
        return {**said, **{name: str(value) for name, value in sorted(self.trigger_args.items())}}

    def build_trigger(self) -> Any:
        return build_trigger(self.trigger, dict(self.trigger_args), self.crontab)


_declarations: list[Declaration] = []


def scheduled_job(
    trigger: Any = None,
    args: Any = None,
    kwargs: Any = None,
    id: str | None = None,
    name: str = "",
    *,
    crontab: str | None = None,
    **more: Any,
) -> Callable[[T], T]:
    """Declare a job over a Celery task: `@scheduled_job("cron", hour=6, id="report")` above `@shared_task`.

    The job is stored when a scheduler starts, or by `manage.py syncjobs`. Several declarations may be stacked over one
    task. Parameters are those of `add_job`, without the task; `id` defaults to the task's name.

    :raises InvalidInput: at import, if what is decorated is no task, the id is taken, or an option or trigger is wrong
    """
    chosen, trigger_args = options.split({**more, "name": name or ""})
    if id is not None:
        check_id(id)

    def declare(task: T) -> T:
        if not hasattr(task, "apply_async"):
            _refuse(task)
        declaration = Declaration(task, trigger, crontab, args or [], kwargs or {}, id, chosen, trigger_args)
        declaration.build_trigger()
        _declarations.append(declaration)
        return task

    return declare


def _refuse(what: Any) -> None:
    try:
        known_tasks.task_name(what)  # says what is wrong with it
    except InvalidInput as error:
        mend = _("Put @shared_task directly above the function, and @scheduled_job above @shared_task.")
        raise InvalidInput(error.field, error.value, error.problem, mend) from None


def declarations() -> tuple[dict[str, Declaration], dict[str, InvalidInput]]:
    """Return the declared jobs by id, after importing every task module, and the ids that two tasks share, refused."""
    known_tasks.registered_tasks()
    found: dict[str, Declaration] = {}
    refused: dict[str, InvalidInput] = {}
    for declaration in _declarations:
        other = found.setdefault(declaration.id, declaration)
        if other.task.name != declaration.task.name:
            refused[declaration.id] = InvalidInput(
                "id", declaration.id,
                _("is declared for %(task)s and for %(other)s", task=other.task.name, other=declaration.task.name),
                _("Give one of them another id."),
            )  # fmt: skip
        found[declaration.id] = declaration
    return {job_id: declaration for job_id, declaration in found.items() if job_id not in refused}, refused
