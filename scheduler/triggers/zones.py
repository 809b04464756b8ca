"""Time zones by name: reads what people pass as `timezone` and names it again; runs in every process."""

from __future__ import annotations

import difflib
import re
from datetime import UTC, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

UTC = UTC
_FIXED = re.compile(r"(?:UTC)?([+-])(\d\d):(\d\d)", re.ASCII)
_MEND = _("Pass a name such as 'Europe/Berlin', or 'UTC'.")


@lru_cache(maxsize=1024)
def zone_named(name: str) -> tzinfo:
    """Return the zone of an IANA name, or of a fixed offset such as "+02:00".

    :raises InvalidTrigger: if there is no such zone; the mend gives the nearest name
    """
    fixed = _FIXED.fullmatch(name)
    if fixed:
        offset = timedelta(hours=int(fixed[2]), minutes=int(fixed[3]))
        if offset < timedelta(days=1):
            return timezone(offset if fixed[1] == "+" else -offset)
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):  # a folder's name is an OSError
        pass
    known = {zone.lower(): zone for zone in available_timezones()}
    wanted = name.strip().lower().replace(" ", "_")
    city = [zone for lower, zone in sorted(known.items()) if wanted and lower.rsplit("/", 1)[-1] == wanted]
    near = [known[key] for key in difflib.get_close_matches(wanted[:64], known, n=1, cutoff=0.6)]
    found = [known[wanted]] if wanted in known else city or near
    raise InvalidTrigger(
        "timezone", name, _("is not a known time zone"), _("Did you mean %(near)r?", near=found[0]) if found else _MEND
    )


def read_timezone(value: Any) -> tzinfo:
    """Return `value` as a `ZoneInfo` (or a fixed offset): a name, a `tzinfo`, or a zone of pytz or dateutil.

    :raises InvalidTrigger: for an unknown zone, or one that has no name to store
    """
    if isinstance(value, str):
        return zone_named(value)
    if not isinstance(value, tzinfo):
        raise InvalidTrigger("timezone", value, _("is not a time zone"), _MEND)
    if isinstance(value, timezone):
        return zone_named("UTC") if value.utcoffset(None) == timedelta(0) else zone_named(_offset_name(value))
    name = getattr(value, "key", None) or getattr(value, "zone", None)  # zoneinfo; pytz
    if isinstance(name, str) and name:
        return zone_named(name)
    filename = getattr(value, "_filename", None)  # dateutil's tzfile
    if isinstance(filename, str) and filename and type(value).__name__ == "tzfile":
        return zone_named(filename.split("zoneinfo/")[-1])
    if type(value).__name__ == "tzutc":
        return zone_named("UTC")
    if type(value).__name__ in ("tzoffset", "_FixedOffset", "StaticTzInfo"):
        return zone_named(_offset_name(value))
    raise InvalidTrigger("timezone", value, _("is a time zone without a name that could be stored"), _MEND)


def _offset_name(zone: tzinfo) -> str:
    offset = zone.utcoffset(None) or timedelta(0)
    minutes, rest = divmod(abs(offset), timedelta(minutes=1))
    if rest:
        raise InvalidTrigger("timezone", zone, _("is not a whole number of minutes from UTC"), _MEND)
    return f"{'-' if offset < timedelta(0) else '+'}{minutes // 60:02}:{minutes % 60:02}"


def zone_name(zone: tzinfo) -> str:
    """Return the name that `zone_named` turns back into `zone`."""
    return zone.key if isinstance(zone, ZoneInfo) else _offset_name(zone)


def default_timezone() -> tzinfo:
    """Return the zone of a trigger that names none: Django's TIME_ZONE if settings are there, else UTC."""
    from django.conf import settings

    name = getattr(settings, "TIME_ZONE", None) if settings.configured else None
    return zone_named(name or "UTC")
