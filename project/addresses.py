"""The environment variables that are URLs: database, broker and mail server; used by `settings.py` in every process."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ

from project.environment import text
from scheduler.dev import kept
from scheduler.exceptions import InvalidSetting

DATABASES = {"postgres", "postgresql", "psql", "pgsql", "sqlite"}
BROKERS = {"redis", "rediss", "redis+socket"}
DATABASE_MEND = "Write postgres://user:password@host:5432/name or sqlite:////absolute/path.sqlite3."
BROKER_MEND = "Write redis://:password@host:6379/0."
QUOTE_MEND = "Percent-encode special characters of the password (# is %23, / is %2F, @ is %40)."


def masked(url: str) -> str:
    """Return `url` with its password as ***, also where the URL is not a valid one."""
    url = re.sub(r"^((?:[A-Za-z0-9+.\-]*://)?[^:/@]*):.*@", r"\1:***@", url, flags=re.DOTALL)
    return re.sub(r"(?i)(passw(?:or)?d=)[^&]*", r"\1***", url)


def broker(environment: Mapping[str, str], var: Path) -> str:
    """Return `BROKER_URL`, by default the address of the embedded broker, which `manage.py dev` starts.

    :raises InvalidSetting: if it is not the URL of a Redis or Valkey
    """
    value = text(environment, "BROKER_URL")
    if not value:
        return kept.broker_url(var)
    url = _split("BROKER_URL", value, BROKER_MEND)
    if url.scheme not in BROKERS:
        raise InvalidSetting("BROKER_URL", masked(value), "is not the URL of a Redis or Valkey", BROKER_MEND)
    if url.scheme == "redis+socket":
        if url.netloc or not url.path.startswith("/"):
            raise InvalidSetting(
                "BROKER_URL", masked(value), "names no socket", "Write redis+socket:///path/to/socket."
            )
        return value
    if not url.hostname:
        raise InvalidSetting("BROKER_URL", masked(value), "names no host", BROKER_MEND)
    if not re.fullmatch(r"/?|/\d{1,4}", url.path):
        raise InvalidSetting("BROKER_URL", masked(value), "ends in a database that is not a number", BROKER_MEND)
    return value


def database(environment: Mapping[str, str], base: Path, default: Path) -> dict[str, Any]:
    """Return Django's settings of the database in `DATABASE_URL`, by default SQLite in the file `default`.

    :raises InvalidSetting: if it names no PostgreSQL or SQLite database, or a SQLite file that can't exist
    """
    value = text(environment, "DATABASE_URL")
    if not value:
        return _sqlite({"ENGINE": "django.db.backends.sqlite3", "NAME": str(default)})
    url = _split("DATABASE_URL", value, DATABASE_MEND)
    if url.scheme not in DATABASES:
        raise InvalidSetting("DATABASE_URL", masked(value), "is not a PostgreSQL or SQLite database", DATABASE_MEND)
    if url.scheme == "sqlite":
        _check_sqlite_file(value, url, base)
    elif len(url.path) < 2:
        raise InvalidSetting("DATABASE_URL", masked(value), "names no database", DATABASE_MEND)
    config: dict[str, Any] = environ.Env.db_url_config(value)
    if url.scheme == "sqlite":
        config["NAME"] = str(base / config["NAME"])
        return _sqlite(config)
    # A server that has gone must be noticed: a claim that waits for ever would stop the engine's loop.
    config["OPTIONS"] = {
        "connect_timeout": 10,
        "keepalives_idle": 30,
        "keepalives_interval": 10,
        "keepalives_count": 3,
        "tcp_user_timeout": 30_000,
        **config.get("OPTIONS", {}),
    }
    return {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True, **config}


def email(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return Django's EMAIL_* settings of `EMAIL_URL`, by default printing mails to the log.

    :raises InvalidSetting: if it is not a mail URL
    """
    value = text(environment, "EMAIL_URL", "consolemail://")
    mend = "Write smtp+tls://user:password@host:587 or consolemail://."
    url = _split("EMAIL_URL", value, mend)
    if url.scheme not in environ.Env.EMAIL_SCHEMES:
        raise InvalidSetting("EMAIL_URL", masked(value), "is not a mail server", mend)
    config: dict[str, Any] = environ.Env.email_url_config(value)
    return {key: setting for key, setting in config.items() if setting and key.startswith("EMAIL_")}


def _split(name: str, value: str, mend: str) -> SplitResult:
    """Split a URL, with a port that is a number."""
    try:
        url = urlsplit(value)
        _ = url.port
    except ValueError:  # its text may hold a part of the password
        raise InvalidSetting(name, masked(value), "is not a valid URL", f"{mend} {QUOTE_MEND}") from None
    if not url.scheme or "://" not in value:
        raise InvalidSetting(name, masked(value), "is not a URL", mend)
    return url


def _check_sqlite_file(value: str, url: SplitResult, base: Path) -> None:
    def refused(problem: str, mend: str = DATABASE_MEND) -> InvalidSetting:
        return InvalidSetting("DATABASE_URL", value, problem, mend)

    if url.netloc:
        raise refused("has two slashes where a file needs three or four")
    if url.path in ("", "/", "/:memory:"):
        raise refused("is a database in memory, which the other processes can't see")
    path = base / url.path[1:]
    if path.is_dir():
        raise refused("is a folder, not a file")
    if not path.parent.is_dir():
        raise refused("is in a folder that does not exist", f"Make it: mkdir -p {path.parent}")


def _sqlite(config: dict[str, Any]) -> dict[str, Any]:
    """Add what several processes need to share one file."""
    config["OPTIONS"] = {
        "timeout": 20,
        # A transaction that starts as a reader and then writes fails at once when another one writes.
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        **config.get("OPTIONS", {}),
    }
    return config
