"""Which tasks may be scheduled, and by whom, as the settings say; in all processes."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from . import conf
from .exceptions import InvalidInput
from .said import said as _


def is_allowed(task: str) -> bool:
    """Whether one of the patterns in the setting `ALLOWED_TASKS` matches a task's name."""
    return any(fnmatchcase(task, pattern) for pattern in conf.get("ALLOWED_TASKS"))


def check_allowed(task: str) -> None:
    """Refuse a task that may not be scheduled, by anybody. :raises InvalidInput: naming the setting that says so"""
    if not is_allowed(task):
        patterns = ", ".join(conf.get("ALLOWED_TASKS")) or "none"
        raise InvalidInput(
            "task",
            task,
            _("may not be scheduled"),
            _("SCHEDULER['ALLOWED_TASKS'] allows these: %(patterns)s.", patterns=patterns),
        )


def permissions_for(task: str) -> list[str]:
    """Return the permissions that the setting `TASK_PERMISSIONS` asks of whoever handles jobs of a task."""
    asked = [permission for pattern, permission in conf.get("TASK_PERMISSIONS").items() if fnmatchcase(task, pattern)]
    return list(dict.fromkeys(asked))


def may_use(user: Any, task: str) -> bool:
    """Whether a user of the admin has the permissions that a task asks for."""
    return all(user.has_perm(permission) for permission in permissions_for(task))


def check_permitted(user: Any, task: str) -> None:
    """Refuse a task to a user of the admin who lacks its permissions. :raises InvalidInput: naming the first of them"""
    for permission in permissions_for(task):
        if not user.has_perm(permission):
            raise InvalidInput(
                "task",
                task,
                _("is for people with the permission %(permission)s", permission=permission),
                _("Ask an administrator for it."),
            )
