"""Instants and durations in words, with the exact value on hover; web process."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

MINUTE, HOUR, DAY = 60, 3_600, 86_400
LATE_AFTER = 5.0
"""Seconds after which a firing that has not happened is called late: a few turns of the engine."""


def duration(seconds: float | None) -> str:
    """Return a length of time as people say it: "320 ms", "4.2 s", "2 min 5 s", "3 h 12 min", "2 d 4 h"."""
    if seconds is None:
        return ""
    seconds = max(0.0, seconds)
    if seconds < 0.9995:
        return _("%d ms") % round(seconds * 1000)
    if seconds < 9.95:
        return _("%.1f s") % seconds
    whole = round(seconds)
    if whole < MINUTE:
        return _("%d s") % whole
    if whole < HOUR:
        return _two_units(whole, MINUTE, _("%d min"), 1, _("%d s"))
    if whole < DAY:
        return _two_units(whole, HOUR, _("%d h"), MINUTE, _("%d min"))
    return _two_units(whole, DAY, _("%d d"), HOUR, _("%d h"))


def _two_units(seconds: int, size: int, unit: str, part_size: int, part: str) -> str:
    rest = seconds % size // part_size
    return unit % (seconds // size) + (" " + part % rest if rest else "")


def relative(moment: datetime, now: datetime) -> str:
    """Return how far `moment` lies from `now`: "in 5 min", "12 s ago", "now"."""
    seconds = (moment - now).total_seconds()
    if abs(seconds) < 1:
        return _("now")
    length = _roughly(abs(seconds))
    return _("in %s") % length if seconds > 0 else _("%s ago") % length


def _roughly(seconds: float) -> str:
    """Drop the digits that nobody reads: 1 min 12 s and 3 h 12 min stay, 2 min 12 s becomes 2 min."""
    if seconds < MINUTE:
        return _("%d s") % int(seconds)
    for unit, enough in ((DAY, 10), (HOUR, 10), (MINUTE, 2)):
        if seconds >= unit:
            return duration(seconds // unit * unit if seconds >= unit * enough else int(seconds))
    return duration(int(seconds))


def absolute(moment: datetime) -> str:
    """Return `moment` to the second with its zone's name, in the viewer's time zone."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M:%S} {local.tzname()}"


def precise(moment: datetime) -> tuple[str, str]:
    """Return the day with its zone's name and the time to the millisecond, in the viewer's time zone."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d} {local.tzname()}", f"{local:%H:%M:%S}.{local.microsecond // 1000:03d}"


def clock(moment: datetime, now: datetime) -> str:
    """Return `moment` as short as it stays clear: the time alone today, with the day this year, else the date."""
    local, today = timezone.localtime(moment), timezone.localtime(now)
    if local.date() == today.date():
        return date_format(local, "H:i:s")
    if abs(local - today) < timedelta(days=180):
        return date_format(local, pgettext("date format", "j M, H:i:s"))
    return date_format(local, "Y-m-d H:i")


def words(now: datetime) -> dict[str, str]:
    """Return what ticks.js needs to count on in the same words: the patterns used above, and the server's clock."""
    return {
        "ms": _("%d ms"), "tenths": _("%.1f s"), "s": _("%d s"), "min": _("%d min"), "h": _("%d h"), "d": _("%d d"),
        "now": _("now"), "ahead": _("in %s"), "ago": _("%s ago"), "clock": now.isoformat(),
    }  # fmt: skip


def ago(moment: datetime, now: datetime) -> SafeString:
    """Return how far `moment` lies from `now`, as a <time> element that the browser counts on."""
    return format_html(
        '<time datetime="{}" title="{}" data-tick="relative">{}</time>',
        moment.isoformat(),
        absolute(moment),
        relative(moment, now),
    )


def elapsed(since: datetime, now: datetime) -> SafeString:
    """Return how long it is since an instant, as a <time> element that the browser counts on."""
    return format_html(
        '<time class="sched-elapsed" datetime="{}" title="{}" data-tick="elapsed">{}</time>',
        since.isoformat(),
        _("so far"),
        duration((now - since).total_seconds()),
    )


def time_tag(moment: datetime | None, text: str) -> SafeString | str:
    """Return `text` as a <time> element that gives the exact instant on hover and to machines."""
    if moment is None:
        return ""
    return format_html('<time datetime="{}" title="{}">{}</time>', moment.isoformat(), absolute(moment), text)
