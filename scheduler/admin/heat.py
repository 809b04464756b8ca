"""A table of hours and days that is its own heat map: each number stands on a ground the darker the more it is; web."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime

from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from .charts import heat

HOURS = range(24)


@dataclass
class Heat:
    """Counts by day and hour of the day; hours that were not added have passed."""

    days: Sequence[date]
    counts: dict[tuple[date, int], int] = field(default_factory=dict)
    addresses: dict[tuple[date, int], str] = field(default_factory=dict)

    def add(self, local: datetime, count: int, address: str) -> None:
        """Add what an hour holds; where clocks change, an hour of the day may be added twice."""
        place = (local.date(), local.hour)
        self.counts[place] = self.counts.get(place, 0) + count
        self.addresses.setdefault(place, address)

    def busiest(self) -> tuple[date, int, int, str]:
        """Return the first of the hours that hold most: its day, hour, count and address."""
        day, hour = place = max(sorted(self.counts), key=lambda place: self.counts[place])
        return day, hour, self.counts[place], self.addresses[place]


def heat_table(title: str, given: Heat, current: datetime | None = None) -> SafeString:
    """Draw a column for each day and a row for each hour of the day; each number leads to what it counts.

    :param title: what the numbers say
    :param current: the hour that is looked at
    """
    most = max(given.counts.values(), default=0)
    here = (current.date(), current.hour) if current else None
    rows = (
        (f"{hour:02}:00", format_html_join("", "{}", ((_cell(given, (day, hour), most, here),) for day in given.days)))
        for hour in HOURS
    )
    totals = ((f"{sum(given.counts.get((day, hour), 0) for hour in HOURS):,}",) for day in given.days)
    return format_html(
        '<table class="sched-heat"><caption>{}</caption><thead><tr><th scope="col">{}</th>{}</tr></thead>'
        '<tbody>{}</tbody><tfoot><tr><th scope="row">{}</th>{}</tr></tfoot></table>',
        title,
        _("Hour"),
        format_html_join("", '<th scope="col"><span>{}</span> {}</th>', map(_heading, given.days)),
        format_html_join("", '<tr><th scope="row">{}</th>{}</tr>', rows),
        _("Total"),
        format_html_join("", "<td>{}</td>", totals),
    )


def _heading(day: date) -> tuple[str, str]:
    return date_format(day, "D"), date_format(day, pgettext("date format", "j M"))


def _cell(given: Heat, place: tuple[date, int], most: int, here: tuple[date, int] | None) -> SafeString:
    count = given.counts.get(place)
    if count is None:
        return format_html('<td class="sched-heat-past"><span class="visually-hidden">{}</span></td>', _("over"))
    if not count:
        return format_html('<td class="sched-heat-0">{}</td>', 0)
    link = '<td class="sched-heat-{}"><a href="{}"{}>{}</a></td>'
    is_here = format_html(' aria-current="{}"', "true") if place == here else ""
    return format_html(link, heat(count, most), given.addresses[place], is_here, f"{count:,}")
