"""Reads and checks the environment variables that configure the project; used by `settings.py` in every process."""

from __future__ import annotations

import difflib
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path

from scheduler.dev import kept
from scheduler.exceptions import InvalidSetting

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
HSTS_SECONDS = 3600
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]


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
