"""Reads standard cron, five fields or a nickname, into APScheduler's expressions; runs in every process.

The rules are those of Vixie cron's crontab(5): 0 and 7 are Sunday, names have three letters, `*/n` and `a-b/n` are
steps (`a/n` runs to the end of the range), and a day counts that matches day of month *or* day of week if neither of
these fields starts with `*`.
"""

from __future__ import annotations

import difflib
import re
from functools import lru_cache
from typing import Any, NamedTuple

from scheduler.exceptions import InvalidTrigger

NICKNAMES = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
}
MAX_LENGTH = 500
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_MEND = "Write five fields (minute, hour, day of month, month, day of week), such as '30 6 * * 1-5'."
_ITEM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", re.ASCII)

_QUARTZ = re.compile(r"[#?]|^\d*[LW]+(?:-\d+)?$", re.IGNORECASE)


class _Range(NamedTuple):
    label: str
    field: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_RANGES = (
    _Range("minute", "minute", 0, 59),
    _Range("hour", "hour", 0, 23),
    _Range("day of month", "day", 1, 31),
    _Range("month", "month", 1, 12, MONTHS),
    _Range("day of week", "day_of_week", 0, 7, WEEKDAYS),
)


class Crontab(NamedTuple):
    """A crontab line, read: the same in APScheduler's expressions, and how its days combine."""

    text: str
    fields: dict[str, str]
    either: bool


@lru_cache(maxsize=8192)
def _read(text: str) -> Crontab:
    words = text.split()
    line = " ".join(words).lower()
    if len(text) > MAX_LENGTH or not text.isascii():
        raise InvalidTrigger("crontab", text, "is not a crontab expression", _MEND)
    if line.startswith("@"):
        words = _nickname(text, line).split()
    if len(words) != 5:
        raise InvalidTrigger("crontab", text, f"has {len(words)} fields instead of 5", _mend_count(words))
    fields = {}
    for part, of in zip(words, _RANGES, strict=True):
        fields[of.field] = _expression(text, part, of)
    day, weekday = words[2], words[4]
    return Crontab(line, fields, not day.startswith("*") and not weekday.startswith("*"))


def read_crontab(value: Any) -> Crontab:
    """Read a crontab expression.

    :raises InvalidTrigger: naming the field of the line that is wrong
    """
    if not isinstance(value, str):
        raise InvalidTrigger("crontab", value, "is not text", _MEND)
    return _read(value)


def _nickname(text: str, line: str) -> str:
    if line == "@reboot":
        raise InvalidTrigger(
            "crontab", text, "is no time", "Set run_at_start=True to run a job when the scheduler service starts."
        )
    if line not in NICKNAMES:
        near = difflib.get_close_matches(line, NICKNAMES, n=1, cutoff=0)
        raise InvalidTrigger("crontab", text, "is not a known nickname", f"Did you mean {near[0]!r}?")
    return NICKNAMES[line]


def _mend_count(words: list[str]) -> str:
    if len(words) in (6, 7):
        return "Standard cron has no seconds and no years: use a cron trigger with second= or year= for those."
    return _MEND


def _item(text: str, part: str, item: str, of: _Range) -> range | list[int]:
    """Return the values of one item of a list."""
    match = _ITEM.fullmatch(item)
    if match is None or _QUARTZ.search(item):
        mend = f"It takes {_wanted(of)}, '*', ranges 'a-b', steps '*/n' and lists of them."
        if _QUARTZ.search(item):
            mend = "Standard cron has no L, W, # or ?: a cron trigger takes day='last', day='3rd fri' and the like."
        raise InvalidTrigger("crontab", text, f"has {part!r} as its {of.label}, which is not valid", mend)
    star, first_text, last_text, step_text = match.groups()
    step = int(step_text or 1)
    if not 1 <= step <= of.high:
        raise InvalidTrigger(
            "crontab", text, f"has the step {step} in its {of.label}", f"A step there is from 1 to {of.high}."
        )
    if star:
        return range(of.low, of.high + 1, step) if of.high != 7 else [day % 7 for day in range(0, 8, step)]
    first = _value(text, first_text, of)
    if last_text is not None:
        last = _value(text, last_text, of)
        if of.field == "day_of_week" and last == 0 and first > 0:
            last = 7  # 'sat-sun': a week that ends on Sunday
    else:
        last = first if step_text is None else min(of.high, 6 if of.field == "day_of_week" else of.high)
    if first > last:
        mend = f"Write two ranges: '{first_text}-{of.high},{of.low}-{last_text}'."
        if of.field == "day_of_week":
            mend = f"Write two ranges: '{first_text}-6,0-{last_text}'."
        raise InvalidTrigger("crontab", text, f"has a range in its {of.label} that runs backwards, {item!r}", mend)
    found = range(first, last + 1, step)
    return [day % 7 for day in found] if of.field == "day_of_week" else found


def _value(text: str, word: str, of: _Range) -> int:
    if word.isdigit() and len(word) <= 4 and of.low <= int(word) <= of.high:
        return int(word)
    if word.lower() in of.names:
        return of.names.index(word.lower()) + (of.low if of.field == "month" else 0)
    near = difflib.get_close_matches(word.lower()[:3], of.names, n=1, cutoff=0.6)
    mend = f"Did you mean {near[0]!r}?" if near and not word.isdigit() else f"It takes {_wanted(of)}."
    raise InvalidTrigger("crontab", text, f"has {word!r} in its {of.label}", mend)


def _wanted(of: _Range) -> str:
    names = f" or {of.names[0]} to {of.names[-1]}" if of.names else ""
    return f"{of.low} to {of.high}{names}"


def _expression(text: str, part: str, of: _Range) -> str:
    """Return a field as an APScheduler expression; a step from `*` stays one, since it follows elapsed time."""
    stars: list[str] = []
    found: set[int] = set()
    for item in part.split(","):
        taken = _item(text, part, item, of)
        step = int(item.partition("/")[2] or 1)
        if item.startswith("*") and of.field != "day_of_week" and step <= of.high - of.low:
            stars.append("*" if step == 1 else f"*/{step}")
        else:
            found.update(taken)
    if of.field == "day_of_week":
        return "*" if len(found) == 7 else weekday_expression(sorted((day - 1) % 7 for day in found))
    return "*" if "*" in stars else ",".join(stars + _runs(sorted(found)))


def weekday_expression(days: list[int]) -> str:
    """Return sorted weekdays (0 is Monday) as APScheduler's names, neighbours as ranges: "mon-wed,fri"."""
    names = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    return ",".join(
        names[first] if first == last else f"{names[first]}-{names[last]}" for first, last in neighbours(days)
    )


def _runs(found: list[int]) -> list[str]:
    return [str(first) if first == last else f"{first}-{last}" for first, last in neighbours(found)]


def neighbours(numbers: list[int]) -> list[tuple[int, int]]:
    """Return sorted numbers as (first, last) of each run of three or more neighbours; others stand alone."""
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    split: list[tuple[int, int]] = []
    for first, last in runs:
        split += [(first, last)] if last - first != 1 else [(first, first), (last, last)]
    return split
