"""Reads the single values of a trigger (numbers, dates, jitter) and refuses what can't be meant; in every process."""

from __future__ import annotations

import math
from datetime import date, datetime, time, tzinfo
from typing import Any

from apscheduler.util import convert_to_datetime

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

from .zones import UTC

MAX_JITTER = 366 * 86400
_DATE_MEND = _("Write it as ISO 8601, such as '2026-12-01T09:00' or '2026-12-01T09:00+01:00'.")


def read_number(field: str, value: Any, least: float, most: float, *, whole: bool = True) -> float:
    """Return a number given as a number or as text, between `least` and `most` (both included).

    :raises InvalidTrigger: for anything else, a bool included
    """

    def refused(problem: str = "") -> InvalidTrigger:
        kind = _("a whole number") if whole else _("a number")
        mend = _("It takes %(kind)s from %(least)g to %(most)g.", kind=kind, least=least, most=most)
        return InvalidTrigger(f"trigger.{field}", value, problem or _("is not %(kind)s", kind=kind), mend)

    number: int | float
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise refused()
    try:
        if isinstance(value, str):
            text = value.strip()
            if len(text) > 30:
                raise ValueError
            number = int(text) if text.lstrip("+-").isdigit() else float(text)
        else:
            number = value
        if not math.isfinite(number):
            raise ValueError
    except (ValueError, OverflowError):
        raise refused() from None
    if number == int(number):
        number = int(number)
    elif whole:
        raise refused()
    if not least <= number <= most:
        raise refused(_("is out of range"))
    return number


def read_whole(field: str, value: Any, least: int, most: int) -> int:
    """Like `read_number`, for whole numbers."""
    return int(read_number(field, value, least, most))


def read_jitter(value: Any) -> float | None:
    """Return a jitter in seconds; None for none and for zero."""
    if value is None:
        return None
    return read_number("jitter", value, 0, MAX_JITTER, whole=False) or None


def read_datetime(field: str, value: Any, zone: tzinfo) -> datetime | None:
    """Return a datetime, date or ISO text as an aware datetime in `zone`; naive ones are read in that zone.

    A wall time that the zone skips is read with the offset from before the gap.
    """
    if value is None:
        return None
    name = f"trigger.{field}"
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime.combine(value, time())
    elif isinstance(value, str):
        moment = _parse(name, value, zone)
    else:
        raise InvalidTrigger(name, value, _("is not a date and time"), _DATE_MEND)
    try:
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
        return moment.astimezone(UTC).astimezone(zone)
    except (OverflowError, ValueError):
        raise InvalidTrigger(name, value, _("lies outside the calendar"), _("It takes years from 1 to 9999.")) from None


def _parse(name: str, text: str, zone: tzinfo) -> datetime:
    try:
        return datetime.fromisoformat(text.strip())
    except ValueError:
        pass
    try:  # APScheduler's own form also takes '2026-1-5 9:00:00'
        parsed: datetime = convert_to_datetime(text.strip(), zone, name)
        return parsed
    except (ValueError, OverflowError):
        raise InvalidTrigger(name, text, _("is not a date and time"), _DATE_MEND) from None


def read_date(field: str, value: Any, zone: tzinfo) -> date | None:
    """Return a date, or a datetime at midnight, as a date."""
    if value is None:
        return None
    if isinstance(value, date) and not isinstance(value, datetime):
        return value
    moment = read_datetime(field, value, zone)
    assert moment is not None
    if moment.time() != time():
        raise InvalidTrigger(
            f"trigger.{field}", value, _("is not a date"), _("Write '2026-12-01', and the time as hour= and minute=.")
        )
    return moment.date()


def check_order(start: Any, end: Any) -> None:
    """Refuse an end that comes before the start."""
    if start is not None and end is not None and end < start:
        raise InvalidTrigger(
            "trigger.end_date",
            end.isoformat(),
            _("is before start_date"),
            _("It starts at %(start)s.", start=start.isoformat()),
        )
