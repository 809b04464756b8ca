"""Small charts drawn by the server: SVG without styles or scripts, each with a table beside it; web process.

A tone has one colour (charts.css) and one pattern (here), so that nothing is told by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from math import sqrt

from django.utils.dates import MONTHS_3, WEEKDAYS_ABBR
from django.utils.formats import get_format
from django.utils.functional import Promise
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..models import State
from .badges import LOOKS

OUTCOMES: dict[str, str | Promise] = {
    "good": gettext_lazy("success"),
    "bad": gettext_lazy("failure, timeout, lost"),
    "warn": gettext_lazy("missed, expired"),
    "quiet": gettext_lazy("skipped, cancelled"),
    "busy": gettext_lazy("running"),
    "wait": gettext_lazy("waiting"),
}
"""What each tone says of runs, in the order in which bars are stacked and legends written."""
BAR_PATTERNS = {
    "good": (1.0, "none"),
    "bad": (1.0, "3 1.5"),
    "warn": (0.7, "1.5 1"),
    "quiet": (0.35, "none"),
    "busy": (0.7, "6 1"),
    "wait": (0.35, "1.5 1.5"),
}
"""By tone: how much of a bar's width it fills, and the dashes in which it is drawn."""
CELL_MARKS = {
    "bad": "M2 2l8 8M10 2l-8 8", "warn": "M2 10l8-8", "quiet": "M4 4h4v4h-4z", "busy": "M6 2v8", "wait": "M3 6h6",
}  # fmt: skip
"""By tone: what is cut into a cell of a calendar. Success is whole."""
LEAST = 2.0
"""The height at least of what is not nothing, for it has to be seen."""
CELL, STEP, LEFT, TOP = 12, 14, 30, 14
HEAT_STEPS = 5


def tone_of(state: str) -> str:
    """Return the tone in which charts draw runs of a state; one that is to be tried again waits."""
    return "wait" if state == State.RETRYING else LOOKS[state].tone


@dataclass(frozen=True)
class Bar:
    """What a bar stands for, told on hover, and its parts from the bottom up: (tone, value)."""

    label: str
    parts: Sequence[tuple[str, float]]


def bars(
    title: str, given: Sequence[Bar], *, width: float = 6, gap: float = 2, height: float = 28, places: int = 0
) -> SafeString:
    """Draw bars side by side, the highest over the whole height.

    :param title: what the chart shows, for those who can't see it
    :param width: of a bar, as gap and height in the drawing's units: pixels, unless a style stretches it
    :param places: for how many bars there is room at least; where there are fewer, they stand on the right
    """
    most = max((sum(value for _tone, value in bar.parts) for bar in given), default=0) or 1
    drawn, places = [], max(places, len(given))
    for number, bar in enumerate(given, start=places - len(given)):
        x, bottom, lines = number * (width + gap) + width / 2, height, []
        sizes = _sizes([value / most * height for _tone, value in bar.parts], height)
        for (tone, _value), size in zip(bar.parts, sizes, strict=True):
            if size:
                lines.append(_line(tone, x, bottom, bottom - size, width))
            bottom -= size
        drawn.append((bar.label, mark_safe("".join(lines))))  # noqa: S308  each is safe
    inner = format_html_join("", "<g><title>{}</title>{}</g>", drawn)
    return _svg("sched-bars", title, max(places * (width + gap) - gap, width), height, inner)


def _sizes(exact: list[float], height: float) -> list[float]:
    """Return the heights of a bar's parts: what is not nothing can be seen, at the cost of the largest part."""
    sizes = [max(LEAST, size) if size > 0 else 0.0 for size in exact]
    over = sum(sizes) - height
    if over > 0:
        sizes[sizes.index(max(sizes))] -= over
    return sizes


def _line(tone: str, x: float, bottom: float, top: float, width: float) -> SafeString:
    share, dashes = BAR_PATTERNS[tone]
    drawn = (
        f'<path class="sched-ink-{tone}" d="M{x:.5g} {bottom:.5g}V{top:.5g}" stroke-width="{width * share:.5g}"'
        f' stroke-dasharray="{dashes}"/>'
    )
    return mark_safe(drawn)  # noqa: S308  numbers and constants; a list of jobs draws 1,500, and escaping is dear


def _svg(name: str, title: str, width: float, height: float, inner: SafeString) -> SafeString:
    w, h = f"{width:.5g}", f"{height:.5g}"
    return format_html(
        '<svg class="{}" role="img" viewBox="0 0 {} {}" width="{}" height="{}" preserveAspectRatio="none">'
        "<title>{}</title>{}</svg>",
        name, w, h, w, h, title, inner,
    )  # fmt: skip


@dataclass(frozen=True)
class Day:
    """One day of a calendar: its tone (none where nothing happened), how full it is, and what is told on hover."""

    day: date
    tone: str
    share: float
    label: str


def calendar(title: str, days: Sequence[Day]) -> SafeString:
    """Draw days as cells, a column for each week and a row for each weekday; a fuller day is darker.

    :param title: what the chart shows, for those who can't see it
    :param days: in order, `share` of each from 0 to 1
    """
    first = int(get_format("FIRST_DAY_OF_WEEK")) - 1  # Django's 0 is Sunday, Python's is Monday
    if not days:
        return _svg("sched-calendar", title, CELL, CELL, SafeString())
    start = days[0].day - timedelta(days=(days[0].day.weekday() - first) % 7)
    cells, months = [], []
    for each in days:
        week, row = divmod((each.day - start).days, 7)
        x, y = LEFT + week * STEP, TOP + row * STEP
        cells.append((x, y, each.label, _cell(each)))
        if each.day.day == 1:
            months.append((x, MONTHS_3[each.day.month].capitalize()))
    rows = [(TOP + row * STEP + 10, WEEKDAYS_ABBR[(first + row) % 7]) for row in (0, 2, 4)]
    inner = format_html(
        "{}{}{}",
        format_html_join("", '<text x="0" y="{}">{}</text>', rows),
        format_html_join("", '<text x="{}" y="10">{}</text>', months),
        format_html_join("", '<g transform="translate({} {})"><title>{}</title>{}</g>', cells),
    )
    weeks = (days[-1].day - start).days // 7 + 1
    return _svg("sched-calendar", title, LEFT + weeks * STEP, TOP + 7 * STEP, inner)


def _cell(day: Day) -> SafeString:
    if not day.tone:
        return format_html('<rect class="sched-cell-empty" width="{}" height="{}" rx="2"/>', CELL, CELL)
    opacity = f"{0.4 + 0.15 * heat(day.share, 1):.2f}"
    mark = format_html('<path class="sched-cell-mark" d="{}"/>', CELL_MARKS[day.tone]) if day.tone in CELL_MARKS else ""
    return format_html(
        '<rect class="sched-ink-{}" width="{}" height="{}" rx="2" fill-opacity="{}"/>{}',
        day.tone, CELL, CELL, opacity, mark,
    )  # fmt: skip


def heat(value: float, most: float) -> int:
    """Return the step of heat of a value, from 0 for nothing to `HEAT_STEPS` - 1; small values are told apart best."""
    if value <= 0 or most <= 0:
        return 0
    return max(1, min(HEAT_STEPS - 1, round(sqrt(value / most) * (HEAT_STEPS - 1))))


def legend(tones: Iterable[str] = tuple(OUTCOMES)) -> SafeString:
    """Return what the tones of a chart of runs mean, each with a piece of its pattern."""
    keys = ((_svg_key(tone), OUTCOMES[tone]) for tone in OUTCOMES if tone in set(tones))
    return format_html('<ul class="sched-legend">{}</ul>', format_html_join("", "<li>{} {}</li>", keys))


def _svg_key(tone: str) -> SafeString:
    key = '<svg viewBox="0 0 10 12" width="10" height="12" aria-hidden="true">{}</svg>'
    return format_html(key, _line(tone, 5, 12, 0, 10))


def data_table(caption: str, head: Sequence[object], rows: Iterable[Sequence[object]]) -> SafeString:
    """Return what a chart shows as a table; the first cell of a row names it."""
    names = format_html_join("", '<th scope="col">{}</th>', ((name,) for name in head))
    lines = format_html_join(
        "",
        '<tr><th scope="row">{}</th>{}</tr>',
        ((row[0], format_html_join("", "<td>{}</td>", ((cell,) for cell in row[1:]))) for row in rows),
    )
    return format_html(
        '<table class="sched-data"><caption>{}</caption><thead><tr>{}</tr></thead><tbody>{}</tbody></table>',
        caption, names, lines,
    )  # fmt: skip


def axis(labels: Sequence[str]) -> SafeString:
    """Return what stands under a chart, each label at the beginning of an equal share of its width."""
    marks = format_html_join("", "<span>{}</span>", ((label,) for label in labels))
    return format_html('<div class="sched-axis" aria-hidden="true">{}</div>', marks)


def figure(
    chart: SafeString, table: SafeString, legend: SafeString | str = "", axis: SafeString | str = ""
) -> SafeString:
    """Return a chart with its axis and legend, and its table folded up under it."""
    return format_html(
        '<figure class="sched-figure">{}{}<figcaption>{}<details><summary>{}</summary>'
        '<div class="sched-scroll" tabindex="0" role="region" aria-label="{}">{}</div></details></figcaption></figure>',
        chart, axis, legend, _("As a table"), _("As a table"), table,
    )  # fmt: skip
