"""The app's settings: the dict `SCHEDULER` of the project, checked and with defaults; read in all processes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings as django_settings

from .exceptions import InvalidSetting


@dataclass(frozen=True)
class Setting:
    """One key of `SCHEDULER`: its default, what it accepts and what it is for."""

    default: Any
    accepts: Callable[[Any], bool]
    wanted: str
    meaning: str


def _number(least: float, most: float = float("inf")) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and least <= v <= most


def _whole(least: int, most: float = float("inf")) -> Callable[[Any], bool]:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and least <= v <= most


def _names(v: Any) -> bool:
    return isinstance(v, list | tuple) and all(isinstance(name, str) for name in v)


def _permissions(v: Any) -> bool:
    return isinstance(v, Mapping) and all(
        isinstance(pattern, str) and isinstance(name, str) and all(name.partition(".")) for pattern, name in v.items()
    )


def _flag(v: Any) -> bool:
    return isinstance(v, bool)


def _text(v: Any) -> bool:
    return isinstance(v, str)


SETTINGS: dict[str, Setting] = {
    # the engine
    "EMBEDDED": Setting(False, _flag, "True or False", "run a scheduler inside the web process"),
    "POLL_INTERVAL": Setting(1.0, _number(0.05, 10), "seconds from 0.05 to 10", "the longest pause between two passes"),
    "BATCH_SIZE": Setting(500, _whole(1), "a whole number from 1", "due jobs claimed in one transaction"),
    "RECOVERY_INTERVAL": Setting(10.0, _number(0.1), "seconds", "how often the engine looks for what was left behind"),
    "REPUBLISH_AFTER": Setting(5.0, _number(0.1), "seconds", "age at which a pending run is published again"),
    "HEALTH_WINDOW": Setting(30.0, _number(1), "seconds", "no complete pass for so long is unhealthy"),
    # processes
    "HEARTBEAT_INTERVAL": Setting(5.0, _number(0.1), "seconds", "how often schedulers and workers say that they live"),
    "LOST_AFTER": Setting(60.0, _number(0.5), "seconds", "a process without a heartbeat for so long is dead"),
    "CANCEL_GRACE": Setting(
        10.0, _number(0), "seconds", "what a running task gets to stop by itself before it is terminated"
    ),
    "MAX_ATTEMPTS": Setting(3, _whole(1), "a whole number from 1", "attempts of a run with on_lost='retry'"),
    # database and broker
    "DATABASE_TIMEOUT": Setting(
        20.0, _number(1), "seconds", "what PostgreSQL gets for one answer before its connection is cut"
    ),
    "BROKER_TIMEOUT": Setting(5.0, _number(0.1), "seconds", "socket timeout of the engine's broker connection"),
    "BROKER_COMMAND": Setting("", _text, "a text", "what starts your broker, shown where it is out of reach"),
    # limits
    "MAX_ARGUMENT_BYTES": Setting(65_536, _whole(256), "bytes", "size of a job's arguments as JSON"),
    "MAX_RESULT_BYTES": Setting(65_536, _whole(256), "bytes", "size of a stored result as JSON"),
    "MAX_TRACEBACK_CHARS": Setting(65_536, _whole(256), "characters", "length of a stored traceback"),
    "MAX_LOG_BYTES": Setting(1_000_000, _whole(0), "bytes", "size of what is kept of a run's log; 0 keeps none"),
    "MAX_CATCH_UP": Setting(100, _whole(1), "a whole number from 1", "runs that catch_up='all' makes up for at most"),
    "SECRET_NAMES": Setting(
        [], _names, "a list of names", "arguments that are masked where they are shown, besides those that look secret"
    ),
    # retention
    "RETENTION_DAYS": Setting(
        30, _number(0, 36_500), "days, 36500 at most", "age at which the engine deletes an ended run"
    ),
    "RETENTION_RUNS": Setting(
        100, _whole(0, 100_000), "a whole number, 100000 at most", "newest runs of each job that are always kept"
    ),
    "RETENTION_LOG_DAYS": Setting(
        14, _number(0, 36_500), "days, 36500 at most", "age at which the engine deletes an ended run's log"
    ),
    # tasks
    "ALLOWED_TASKS": Setting(["*"], _names, "a list of patterns", "tasks that may be scheduled at all"),
    "TASK_PERMISSIONS": Setting(
        {}, _permissions, 'a dict of patterns and "app.codename"', "permissions that tasks ask for in the admin, too"
    ),
    "COMMANDS": Setting(
        ["clearsessions", "prune"],
        _names,
        "a list of names",
        "management commands that the task tasks.run_command may run",
    ),
    "HTTP_REDIRECTS": Setting(False, _flag, "True or False", "tasks.check_http may follow redirects"),
    "HTTP_PRIVATE_ADDRESSES": Setting(False, _flag, "True or False", "tasks.check_http may ask private addresses"),
    "BACKUP_DIR": Setting("var/backups", _text, "a path", "where tasks.backup_database writes"),
    "REPORT_DIR": Setting("var/reports", _text, "a path", "where tasks.report_runs writes"),
}


def validate(given: object) -> None:
    """Check a whole `SCHEDULER` dict.

    :raises InvalidSetting: for the first unknown key (naming the nearest known one) or wrong value
    """
    if not isinstance(given, Mapping):
        raise InvalidSetting("SCHEDULER", given, "is not a dict", 'Write SCHEDULER = {"EMBEDDED": False}.')
    for key, value in given.items():
        setting = SETTINGS.get(key)
        if setting is None:
            near = difflib.get_close_matches(str(key).upper(), SETTINGS, n=1, cutoff=0)
            raise InvalidSetting("SCHEDULER", key, "is not a known key", f"Did you mean {near[0]!r}?")
        if not setting.accepts(value):
            raise InvalidSetting(f"SCHEDULER[{key!r}]", value, "is not valid", f"It takes {setting.wanted}.")


def get(key: str) -> Any:
    """Return the setting `key`: what the project says, or the default.

    :raises InvalidSetting: if the project's value is not valid
    :raises KeyError: if no setting has this name (a mistake in our own code)
    """
    setting = SETTINGS[key]
    given = getattr(django_settings, "SCHEDULER", {})
    if not isinstance(given, Mapping) or key not in given:
        return setting.default
    value = given[key]
    if not setting.accepts(value):
        raise InvalidSetting(f"SCHEDULER[{key!r}]", value, "is not valid", f"It takes {setting.wanted}.")
    return value
