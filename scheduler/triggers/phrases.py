"""Pieces of a schedule in words: lists, ranges, names of days and months, times; used where people read schedules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise

from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from django.utils.translation import pgettext, pgettext_lazy

from .crontab import neighbours

Namer = Callable[[int], str]
_MONTHS = (
    pgettext_lazy("in a schedule", "January"), pgettext_lazy("in a schedule", "February"),
    pgettext_lazy("in a schedule", "March"), pgettext_lazy("in a schedule", "April"),
    pgettext_lazy("in a schedule", "May"), pgettext_lazy("in a schedule", "June"),
    pgettext_lazy("in a schedule", "July"), pgettext_lazy("in a schedule", "August"),
    pgettext_lazy("in a schedule", "September"), pgettext_lazy("in a schedule", "October"),
    pgettext_lazy("in a schedule", "November"), pgettext_lazy("in a schedule", "December"),
)  # fmt: skip
_STEPPED = 7
"""Evenly spaced numbers from so many on are shown as steps."""


def join(parts: Sequence[str], *, plain_end: bool = False, any_of: bool = False) -> str:
    """Return "a", "a and b", "a, b and c"; with `any_of` "a, b or c"; with `plain_end` "a, b, c"."""
    comma = pgettext("between the items of a list", ", ")
    if len(parts) < 2 or (plain_end and len(parts) > 2):
        return comma.join(parts)
    pattern = _("%(most)s or %(last)s") if any_of else _("%(most)s and %(last)s")
    return pattern % {"most": comma.join(parts[:-1]), "last": parts[-1]}


def ranges(numbers: Sequence[int], name: Namer = str, *, any_of: bool = False) -> str:
    """Return sorted numbers with runs of three and more as ranges: "1, 3, 5 to 9", "0 to 56 in steps of 7"."""
    runs = neighbours(list(numbers))
    if len(runs) >= _STEPPED and len({later - earlier for earlier, later in pairwise(numbers)}) == 1:
        return _("%(first)s to %(last)s in steps of %(step)s") % {
            "first": name(numbers[0]),
            "last": name(numbers[-1]),
            "step": numbers[1] - numbers[0],
        }
    if len(runs) > 1:  # two neighbours beside a range read better as a range, too: "November to December"
        runs = _merged(numbers) if any(first != last for first, last in runs) else runs
    parts = [
        name(first) if first == last else _("%(first)s to %(last)s") % {"first": name(first), "last": name(last)}
        for first, last in runs
    ]
    return join(parts, plain_end=runs[-1][0] != runs[-1][1], any_of=any_of)


def _merged(numbers: Sequence[int]) -> list[tuple[int, int]]:
    runs: list[tuple[int, int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], number)
        else:
            runs.append((number, number))
    return runs


def month_name(month: int) -> str:
    """Return "January" for 1."""
    return str(_MONTHS[month - 1])


def weekday_name(weekday: int) -> str:
    """Return "Monday" for 0."""
    return str(WEEKDAYS[weekday])


def weekdays(days: Sequence[int], *, any_of: bool = False) -> str:
    """Return weekdays (0 is Monday): "Monday to Friday", "Saturday and Sunday"."""
    return ranges(days, weekday_name, any_of=any_of)


def clock(hour: int, minute: int, second: int = 0) -> str:
    """Return "06:30", with seconds where there are any."""
    return f"{hour:02}:{minute:02}" + (f":{second:02}" if second else "")


def moment(value: datetime) -> str:
    """Return "2026-12-01 at 09:00"."""
    return _("%(date)s at %(time)s") % {
        "date": value.date().isoformat(),
        "time": clock(value.hour, value.minute, value.second),
    }


def stamp(value: datetime) -> str:
    """Return "2026-12-01 09:00"."""
    return f"{value.date().isoformat()} {clock(value.hour, value.minute, value.second)}"


def ordinal(position: int) -> str:
    """Return "first" to "fifth" for 0 to 4, and "last" for 5."""
    return (_("first"), _("second"), _("third"), _("fourth"), _("fifth"), _("last"))[position]


def step_of(numbers: Sequence[int], size: int) -> int | None:
    """Return n if the numbers are 0, n, 2n, … evenly over the whole of `size`; else None."""
    if len(numbers) < 2 or numbers[0] != 0:
        return None
    step = numbers[1]
    return step if size % step == 0 and list(numbers) == list(range(0, size, step)) else None
