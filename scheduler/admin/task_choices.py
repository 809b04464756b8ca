"""The tasks that somebody may pick for a job: from the code and the live workers; web process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..allowed import is_allowed, may_use
from ..known_tasks import registered_tasks, reported_tasks
from .task_signature import summary_of
from .text import first_line


@dataclass(frozen=True)
class TaskChoice:
    """One task to pick."""

    name: str
    summary: str
    """What its docstring begins with."""
    known_here: bool
    """Whether the web process has its code, and not only a worker."""


def task_choices(user: Any, current: str = "") -> list[TaskChoice]:
    """Return the tasks that may be scheduled at all and by this user, by name, Celery's own left out.

    :param current: the task that a job has, which stays a choice whatever became of it
    """
    here = registered_tasks()
    names = {name for name in {*here, *reported_tasks()} if not name.startswith("celery.")}
    offered = {name for name in names if is_allowed(name) and may_use(user, name)}
    if current and "\x00" not in current:
        offered.add(current)
    return [TaskChoice(name, first_line(summary_of(name)), name in here) for name in sorted(offered)]
