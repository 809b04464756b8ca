"""Aligned tables, lists of fields, times and lengths of time for a terminal; runs in a person's shell."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from datetime import datetime, tzinfo

from django.utils import timezone as django_timezone

GAP = "  "
WIDTH = 100


def printable(text: str, encoding: str = "utf-8") -> str:
    """Return `text` as a terminal may get it: control characters and what it can't encode become their escapes."""
    shown = "".join(c if c.isprintable() or c == "\n" else "    " if c == "\t" else ascii(c)[1:-1] for c in text)
    return shown.encode(encoding, "backslashreplace").decode(encoding)


def width_of(text: str) -> int:
    """Return how many columns `text` takes; Chinese and the like take two for each character."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, width: int) -> str:
    """Return `text` on one line and in at most `width` columns."""
    text = " ".join(printable(text).split())
    if width_of(text) <= width:
        return text
    while text and width_of(text) > width - 1:
        text = text[:-1]
    return text + "…"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, least: int = 16) -> str:
    """Return an aligned table. The last column is cut to what is left of 100 columns, but never below `least`."""
    rows = [[*(cut(cell, 300) for cell in row[:-1]), row[-1]] for row in rows]
    widths = [max(width_of(row[column]) for row in [heads, *rows]) for column in range(len(heads) - 1)]
    left = max(least, WIDTH - sum(widths) - len(GAP) * len(widths))
    lines = []
    for row in [heads, *rows]:
        cells = [_pad(cell, width) for cell, width in zip(row, widths, strict=False)]
        lines.append(GAP.join([*cells, cut(row[-1], left)]).rstrip())
    return "\n".join(lines)


def fields(pairs: Sequence[tuple[str, str]]) -> str:
    """Return one line for each pair whose text is not empty, with the texts below each other."""
    pairs = [(name, text) for name, text in pairs if text]
    width = max((width_of(name) for name, _ in pairs), default=0)
    indent = "\n" + " " * (width + len(GAP))
    return "\n".join(_pad(name, width) + GAP + text.replace("\n", indent) for name, text in pairs)


def _pad(text: str, width: int) -> str:
    return text + " " * (width - width_of(text))


def zone_name() -> str:
    """Return the name of the zone that the times of a list are in: the project's TIME_ZONE."""
    return str(django_timezone.get_default_timezone())


def moment(at: datetime | None, zone: tzinfo | None = None) -> str:
    """Return an instant with its zone, such as "2026-12-01 09:00:00 CET"; empty for None."""
    if at is None:
        return ""
    local = at.astimezone(zone or django_timezone.get_default_timezone())
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def short_moment(at: datetime | None) -> str:
    """Return an instant without its zone, which the head of its column names; empty for None."""
    return "" if at is None else f"{at.astimezone(django_timezone.get_default_timezone()):%Y-%m-%d %H:%M:%S}"


def length(seconds: float | None) -> str:
    """Return a length of time: "0.02 s", "4.2 s", "2 min 5 s", "3 h 12 min"; empty for None."""
    if seconds is None:
        return ""
    if seconds < 59.95:
        return f"{seconds:.2f} s" if seconds < 0.995 else f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"
