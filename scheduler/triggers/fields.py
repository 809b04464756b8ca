"""One field of a cron trigger, parsed and matched by APScheduler and remembered as tables; runs in every process.

Tables are shared between triggers: restoring ten thousand jobs parses each distinct expression once.
"""

from __future__ import annotations

from calendar import isleap, monthrange
from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any

from apscheduler.triggers.cron import CronTrigger as LibraryCronTrigger
from apscheduler.triggers.cron.fields import DEFAULT_VALUES, MAX_VALUES, MIN_VALUES, SEPARATOR

from scheduler.exceptions import InvalidTrigger
from scheduler.said import said as _

NAMES: tuple[str, ...] = LibraryCronTrigger.FIELD_NAMES
MAX_LENGTH = 500
EXAMPLES = {
    "year": _("2027, '2027-2030', '*/2'"),
    "month": _("1 to 12, 'jan-mar', '1,3,5,7-9'"),
    "day": _("1 to 31, '1-15', 'last', '3rd fri', 'last fri'"),
    "week": _("1 to 53, '*/2', '1-26'"),
    "day_of_week": _("'mon-fri', 'sat,sun' or 0 to 6, where 0 is Monday and 6 is Sunday"),
    "hour": _("0 to 23, '9-17', '*/2', '6,18'"),
    "minute": _("0 to 59, '*/5', '0,30', '10-20'"),
    "second": _("0 to 59, '*/10', '0,30'"),
}


@lru_cache(maxsize=16384)
def parsed(name: str, text: str, is_default: bool) -> Any:
    """Return APScheduler's field for an expression.

    :raises InvalidTrigger: naming the field, if APScheduler refuses it or would ignore part of it
    """
    mend = _("It takes %(wanted)s.", wanted=EXAMPLES[name])
    if len(text) > MAX_LENGTH or not text.isascii():
        raise InvalidTrigger(f"trigger.{name}", text, _("is not an expression"), mend)
    try:
        field = LibraryCronTrigger.FIELDS_MAP[name](name, text, is_default)
    except (ValueError, OverflowError) as error:
        problem = str(error).rstrip(".").removeprefix(f"Error validating expression {text!r}: ")
        raise InvalidTrigger(f"trigger.{name}", text, _("is not valid: %(problem)s", problem=problem), mend) from None
    for part in SEPARATOR.split(text.strip()):  # some of APScheduler's patterns have no end: 'mon-fri/2', 'lastly'
        if not any(compiler.value_re.fullmatch(part) for compiler in field.COMPILERS):
            raise InvalidTrigger(f"trigger.{name}", text, _("has a part that means nothing, %(part)r", part=part), mend)
    return field


def read_expression(name: str, value: Any) -> str:
    """Return the expression of one field, given as text or as a whole number, in APScheduler's spelling."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise InvalidTrigger(
            f"trigger.{name}",
            value,
            _("is neither text nor a whole number"),
            _("It takes %(wanted)s.", wanted=EXAMPLES[name]),
        )
    try:
        text = str(value)
    except ValueError:  # more digits than Python prints
        raise InvalidTrigger(
            f"trigger.{name}", "…", _("is out of range"), _("It takes %(wanted)s.", wanted=EXAMPLES[name])
        ) from None
    return str(parsed(name, text, False))


def completed(given: dict[str, str]) -> tuple[str, ...]:
    """Return all eight expressions: fields below the last one given are at their minimum, others are "*"."""
    last = max((NAMES.index(name) for name in given), default=len(NAMES))
    return tuple(
        given.get(name) or ("*" if position < last else str(DEFAULT_VALUES[name])) if given else "*"
        for position, name in enumerate(NAMES)
    )


@lru_cache(maxsize=16384)
def values(name: str, text: str) -> tuple[int, ...]:
    """Return the values of month, week, hour, minute or second, or the weekdays, that an expression has."""
    field = parsed(name, text, False)
    low, high = MIN_VALUES[name], MAX_VALUES[name]
    found = [moment for moment in map(_moment_of(name), range(low, high + 1)) if _matches(field, moment)]
    return tuple(sorted(field.get_value(moment) for moment in found))


def _moment_of(name: str) -> Any:
    if name == "week":  # 2020 has 53 ISO weeks
        return lambda week: datetime.combine(date.fromisocalendar(2020, week, 1), datetime.min.time())
    if name == "day_of_week":
        return lambda weekday: datetime(2024, 1, 1 + weekday)  # a Monday  # noqa: DTZ001 - a wall time
    start = datetime(2024, 1, 1)  # noqa: DTZ001 - a wall time
    return lambda value: start.replace(**{name: value})


def _matches(field: Any, moment: datetime) -> bool:
    return bool(field.get_next_value(moment) == field.get_value(moment))


@lru_cache(maxsize=16384)
def next_table(name: str, text: str) -> tuple[int, ...]:
    """Return for each hour, minute or second the smallest one that matches and is not before it; else the size."""
    size = MAX_VALUES[name] + 1
    table, following = [size] * (size + 1), size
    matching = set(values(name, text))
    for value in range(size - 1, -1, -1):
        following = value if value in matching else following
        table[value] = following
    return tuple(table)


@lru_cache(maxsize=16384)
def month_mask(name: str, text: str, first_weekday: int, days: int) -> int:
    """Return the days of a month of this shape that `day` or `day_of_week` matches, as bits 1 to 31."""
    if text == "*":
        return (2 << days) - 2
    year, month = _shapes()[first_weekday, days]
    field = parsed(name, text, False)
    return sum(1 << day for day in range(1, days + 1) if _matches(field, datetime(year, month, day)))  # noqa: DTZ001 - a wall time


@lru_cache(maxsize=1)
def _shapes() -> dict[tuple[int, int], tuple[int, int]]:
    """Return one month for each first weekday and length; 28 years hold all of them."""
    return {monthrange(year, month): (year, month) for year in range(2000, 2028) for month in range(1, 13)}


@cache
def year_kind(year: int) -> tuple[int, bool, bool]:
    """Return what the dates, weekdays and ISO weeks of a year depend on: years of one kind are alike."""
    return monthrange(year, 1)[0], isleap(year), isleap(year - 1)


@lru_cache(maxsize=4096)
def week_masks(text: str, kind: tuple[int, bool, bool], year: int) -> tuple[int, ...]:
    """Return for months 1 to 12 of a year the days (as bits) in matching ISO weeks; `year` is any of that kind."""
    weeks = set(values("week", text))
    return (
        0,
        *(
            sum(
                1 << day
                for day in range(1, monthrange(year, month)[1] + 1)
                if date(year, month, day).isocalendar()[1] in weeks
            )
            for month in range(1, 13)
        ),
    )


def next_year(text: str, year: int) -> int | None:
    """Return the first matching year that is not before `year`."""
    if year > MAX_VALUES["year"]:
        return None
    found = parsed("year", text, False).get_next_value(datetime(max(year, MIN_VALUES["year"]), 1, 1))  # noqa: DTZ001 - a wall time
    return None if found is None else int(found)
