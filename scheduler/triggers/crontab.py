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
from scheduler.said import said as _

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
_MEND = _("Write five fields (minute, hour, day of month, month, day of week), such as '30 6 * * 1-5'.")
_ITEM = re.compile(r"(?:(\*)|(\w+)(?:-(\w+))?)(?:/(\d{1,4}))?", re.ASCII)

_QUARTZ = re.compile(r"[#?]|^\d*[LW]+(?:-\d+)?$", re.IGNORECASE)


class _Range(NamedTuple):
    label: str
    field: str
    low: int
    high: int
    names: tuple[str, ...] = ()


_RANGES = (
    _Range(_("minute"), "minute", 0, 59),
    _Range(_("hour"), "hour", 0, 23),
    _Range(_("day of month"), "day", 1, 31),
    _Range(_("month"), "month", 1, 12, MONTHS),
    _Range(_("day of week"), "day_of_week", 0, 7, WEEKDAYS),
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
        raise InvalidTrigger("crontab", text, _("is not a crontab expression"), _MEND)
    if line.startswith("@"):
        words = _nickname(text, line).split()
    if len(words) != 5:
        raise InvalidTrigger(
            "crontab", text, _("has %(count)s fields instead of 5", count=len(words)), _mend_count(words)
        )
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
        raise InvalidTrigger("crontab", value, _("is not text"), _MEND)
    return _read(value)


def _nickname(text: str, line: str) -> str:
    if line == "@reboot":
        raise InvalidTrigger(
            "crontab", text, _("is no time"), _("Set run_at_start=True to run a job when the scheduler service starts.")
        )
    if line not in NICKNAMES:
        near = difflib.get_close_matches(line, NICKNAMES, n=1, cutoff=0)
        raise InvalidTrigger("crontab", text, _("is not a known nickname"), _("Did you mean %(near)r?", near=near[0]))
    return NICKNAMES[line]


def _mend_count(words: list[str]) -> str:
    if len(words) in (6, 7):
        return _("Standard cron has no seconds and no years: use a cron trigger with second= or year= for those.")
    return _MEND


def _item(text: str, part: str, item: str, of: _Range) -> range | list[int]:
    """Return the values of one item of a list."""
    match = _ITEM.fullmatch(item)
    if match is None or _QUARTZ.search(item):
        mend = _("It takes %(wanted)s, '*', ranges 'a-b', steps '*/n' and lists of them.", wanted=_wanted(of))
        if _QUARTZ.search(item):
            mend = _("Standard cron has no L, W, # or ?: a cron trigger takes day='last', day='3rd fri' and the like.")
        raise InvalidTrigger(
            "crontab", text, _("has %(part)r as its %(field)s, which is not valid", part=part, field=of.label), mend
        )
    star, first_text, last_text, step_text = match.groups()
    step = int(step_text or 1)
    if not 1 <= step <= of.high:
        raise InvalidTrigger(
            "crontab",
            text,
            _("has the step %(step)s in its %(field)s", step=step, field=of.label),
            _("A step there is from 1 to %(high)s.", high=of.high),
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
        mend = _(
            "Write two ranges: '%(first_text)s-%(high)s,%(low)s-%(last_text)s'.",
            first_text=first_text,
            high=of.high,
            low=of.low,
            last_text=last_text,
        )
        if of.field == "day_of_week":
            mend = _(
                "Write two ranges: '%(first_text)s-6,0-%(last_text)s'.", first_text=first_text, last_text=last_text
            )
        raise InvalidTrigger(
            "crontab",
            text,
            _("has a range in its %(field)s that runs backwards, %(item)r", field=of.label, item=item),
            mend,
        )
    found = range(first, last + 1, step)
    return [day % 7 for day in found] if of.field == "day_of_week" else found


def _value(text: str, word: str, of: _Range) -> int:
    if word.isdigit() and len(word) <= 4 and of.low <= int(word) <= of.high:
        return int(word)
    if word.lower() in of.names:
        return of.names.index(word.lower()) + (of.low if of.field == "month" else 0)
    near = difflib.get_close_matches(word.lower()[:3], of.names, n=1, cutoff=0.6)
    mend = (
        _("Did you mean %(near)r?", near=near[0])
        if near and not word.isdigit()
        else _("It takes %(wanted)s.", wanted=_wanted(of))
    )
    raise InvalidTrigger("crontab", text, _("has %(word)r in its %(field)s", word=word, field=of.label), mend)


def _wanted(of: _Range) -> str:
    if not of.names:
        return _("%(low)s to %(high)s", low=of.low, high=of.high)
    names = {"first": of.names[0], "last": of.names[-1]}
    return _("%(low)s to %(high)s or %(first)s to %(last)s", low=of.low, high=of.high, **names)


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
