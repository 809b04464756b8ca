"""Reads and checks the environment variables that configure the project; used by `settings.py` in every process."""

from __future__ import annotations

import difflib
import re
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

import environ

from scheduler.dev import kept
from scheduler.exceptions import InvalidSetting

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
DATABASES = {"postgres", "postgresql", "psql", "pgsql", "sqlite"}
BROKERS = {"redis", "rediss", "redis+socket"}
HSTS_SECONDS = 3600
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
DATABASE_MEND = "Write postgres://user:password@host:5432/name or sqlite:////absolute/path.sqlite3."
BROKER_MEND = "Write redis://:password@host:6379/0."
QUOTE_MEND = "Percent-encode special characters of the password (# is %23, / is %2F, @ is %40)."


def masked(url: str) -> str:
    """Return `url` with its password as ***, also where the URL is not a valid one."""
    url = re.sub(r"^((?:[A-Za-z0-9+.\-]*://)?[^:/@]*):.*@", r"\1:***@", url, flags=re.DOTALL)
    return re.sub(r"(?i)(passw(?:or)?d=)[^&]*", r"\1***", url)


def text(environment: Mapping[str, str], name: str, default: str = "") -> str:
    """Return the variable `name` without surrounding space; an empty one counts as not given."""
    return environment.get(name, "").strip() or default


def boolean(environment: Mapping[str, str], name: str, default: bool) -> bool:
    """Return a yes or no.

    :raises InvalidSetting: for any other word
    """
    value = text(environment, name)
    if not value:
        return default
    if value.lower() in TRUE | FALSE:
        return value.lower() in TRUE
    raise InvalidSetting(name, value, "is neither yes nor no", "Write 1 or 0.")


def whole(environment: Mapping[str, str], name: str, default: int, least: int, most: int) -> int:
    """Return a whole number from `least` to `most`.

    :raises InvalidSetting: for anything else
    """
    value = text(environment, name, str(default))
    if value.isascii() and value.isdigit() and len(value) <= len(str(most)) and least <= int(value) <= most:
        return int(value)
    raise InvalidSetting(
        name, value, f"is not a whole number from {least} to {most}", f"Write for example {name}={default}."
    )


def names(environment: Mapping[str, str], name: str) -> list[str]:
    """Return a list that was written with commas."""
    return [part.strip() for part in text(environment, name).split(",") if part.strip()]


def choice(environment: Mapping[str, str], name: str, choices: Sequence[str]) -> str:
    """Return one of `choices` in any case; the first one is the default.

    :raises InvalidSetting: for any other word
    """
    value = text(environment, name, choices[0])
    if value.upper() not in choices:
        raise InvalidSetting(name, value, "is not known", f"Write one of {', '.join(choices)}.")
    return value.upper()


def time_zone(environment: Mapping[str, str]) -> str:
    """Return `TIME_ZONE`, by default UTC.

    :raises InvalidSetting: if the zone is unknown; names the nearest known one
    """
    value = text(environment, "TIME_ZONE", "UTC")
    try:
        zoneinfo.ZoneInfo(value)
    except (KeyError, ValueError, OSError):
        known = {zone.lower(): zone for zone in sorted(zoneinfo.available_timezones())}
        near = difflib.get_close_matches(value.lower(), known, n=1, cutoff=0.5)
        mend = f"Did you mean {known[near[0]]!r}?" if near else 'Write a name such as "Europe/Berlin".'
        raise InvalidSetting("TIME_ZONE", value, "is not a known time zone", mend) from None
    return value


def allowed_hosts(environment: Mapping[str, str]) -> list[str]:
    """Return `ALLOWED_HOSTS` and this machine's own names, which health checks use.

    :raises InvalidSetting: for an address where a host name is wanted
    """
    hosts = names(environment, "ALLOWED_HOSTS")
    for host in hosts:
        if "/" in host or " " in host or (":" in host and not host.startswith("[")):
            raise InvalidSetting(
                "ALLOWED_HOSTS", host, "is not a host name", "Write names without scheme and port: tickwork.example.com"
            )
    return [*hosts, *(local for local in LOCAL_HOSTS if local not in hosts)]


def secret_key(environment: Mapping[str, str], var: Path, debug: bool) -> str:
    """Return `SECRET_KEY`; where only this machine is served, a random one that is kept in `var`.

    :raises InvalidSetting: if it is missing and `ALLOWED_HOSTS` names another host while `DEBUG` is off
    """
    value = text(environment, "SECRET_KEY")
    if value:
        return value
    public = [host for host in names(environment, "ALLOWED_HOSTS") if host not in LOCAL_HOSTS]
    if public and not debug:
        raise InvalidSetting(
            "SECRET_KEY",
            "",
            f"is required, because ALLOWED_HOSTS serves {public[0]}",
            "Make one: python -c 'import secrets; print(secrets.token_urlsafe(50))'",
        )
    return kept.secret_key(var)


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
    config.pop("OPTIONS", None)
    return {key: setting for key, setting in config.items() if setting is not None}


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
