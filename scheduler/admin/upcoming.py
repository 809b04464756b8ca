"""Upcoming: how many firings the hours of the next seven days bring, and which come next; web process."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta, tzinfo
from typing import Any

from django.contrib.admin import AdminSite
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext, pgettext

from .. import clock, forecast
from ..models import ScheduledTask
from . import nav, times, zones
from .caching import remembered
from .heat import Heat, heat_table
from .live import REFRESH_HEADER, live
from .text import harmless
from .upcoming_filters import Chosen

DAYS = 7
MOST_FIRINGS = 100
SECONDS = 60.0
HOUR = timedelta(hours=1)
ADD = "scheduler.add_scheduledtask"
LIVE = "admin/scheduler/upcoming_live.html"


@zones.in_viewers_zone
def upcoming(request: HttpRequest, site: AdminSite) -> HttpResponse:
    """Show what is due. For those who may view jobs."""
    if not nav.may_view(request, "scheduledtask"):
        raise PermissionDenied
    request.current_app = site.name
    chosen, now = Chosen.of(request), clock.now()
    context = {
        **site.each_context(request),
        "title": _("Upcoming"),
        "nav_page": "upcoming",
        "live_template": LIVE,
        "dashboard_url": nav.dashboard_url(request),
        "jobs_url": nav.url_of(request, "scheduledtask_changelist"),
        "add_url": nav.url_of(request, "scheduledtask_add") if request.user.has_perm(ADD) else "",
        "chosen": chosen,
        "filters": [] if REFRESH_HEADER in request.headers else chosen.drop_downs(),
        **_next_days(chosen, now),
        **_agenda(request, chosen, now),
    }
    return live(request, TemplateResponse(request, "admin/scheduler/upcoming.html", context), LIVE)


def _next_days(chosen: Chosen, now: datetime) -> dict[str, Any]:
    zone = timezone.get_current_timezone()
    start, hours = _span(now, zone)
    jobs = chosen.jobs() if any(chosen.key) else None
    key = ("forecast", chosen.key, str(zone), start.isoformat())
    told: forecast.Forecast = remembered(SECONDS, lambda: forecast.forecast(jobs, start, hours), *key)
    heat = Heat([start.date() + timedelta(days=day) for day in range(DAYS)])
    for hour, count in enumerate(told.counts):
        at = start.astimezone(UTC) + hour * HOUR
        heat.add(at.astimezone(zone), count, chosen.address(at))
    title = ngettext("Firings in the next %d day, by hour", "Firings in the next %d days, by hour", DAYS) % DAYS
    return {
        "heat": heat_table(title, heat, chosen.hour and chosen.hour.astimezone(zone)),
        "is_empty": not told.jobs,
        "left_out": _left_out(told),
        "busiest": _busiest(heat),
    }


def _span(now: datetime, zone: tzinfo) -> tuple[datetime, int]:
    """Return the beginning of the present hour in a zone, and how many hours its seven days have from then on."""
    start = now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    end = datetime.combine(start.date() + timedelta(days=DAYS), time(), tzinfo=zone)
    return start, -((start.astimezone(UTC) - end.astimezone(UTC)) // HOUR)


def _left_out(told: forecast.Forecast) -> list[str]:
    """Return what the counts don't hold."""
    notes = []
    if rest := told.jobs - told.counted:
        notes.append(
            _("All firings are counted for the %(counted)s jobs that are due first; for %(rest)s more, the next alone.")
            % {"counted": f"{told.counted:,}", "rest": f"{rest:,}"}
        )
    if told.cut:
        text = ngettext(
            "%d job fires so often, by a combined schedule, that not all its firings are counted.",
            "%d jobs fire so often, by combined schedules, that not all their firings are counted.",
            told.cut,
        )
        notes.append(text % told.cut)
    return notes


def _busiest(heat: Heat) -> SafeString | str:
    day, hour, count, url = heat.busiest()
    if not count:
        return ""
    firings = ngettext("%(count)s firing", "%(count)s firings", count) % {"count": f"{count:,}"}
    link = format_html('<a href="{}">{}</a>', url, f"{_day(day)}, {hour:02}:00")
    return format_html(_("The busiest hour: {hour} with {firings}."), hour=link, firings=firings)


def _day(day: date) -> str:
    return date_format(day, pgettext("date format", "D j M"))


def _agenda(request: HttpRequest, chosen: Chosen, now: datetime) -> dict[str, Any]:
    jobs: QuerySet[ScheduledTask] = chosen.jobs()
    if chosen.hour is None:
        title, found = _("What comes next"), forecast.agenda(jobs, MOST_FIRINGS)
    else:
        hour = chosen.hour
        title = _("Due on %(day)s from %(hour)s on") % {
            "day": _day(timezone.localtime(hour).date()), "hour": date_format(timezone.localtime(hour), "H:i"),
        }  # fmt: skip
        within = (hour, hour + HOUR)
        key = ("agenda", chosen.key, hour.isoformat())
        found = remembered(SECONDS, lambda: forecast.agenda(jobs, MOST_FIRINGS, within=within), *key)
        found = [firing for firing in found if firing.at >= now]
    return {
        "agenda_title": title,
        "agenda": [_firing(request, firing, now) for firing in found],
        "agenda_is_full": len(found) == MOST_FIRINGS,
    }


def _firing(request: HttpRequest, firing: forecast.Firing, now: datetime) -> dict[str, Any]:
    with zones.of_job(firing.zone):
        at = times.time_tag(firing.at, times.clock(firing.at, now))
    return {
        "at": at,
        "ago": times.ago(firing.at, now),
        "is_late": (now - firing.at).total_seconds() > times.LATE_AFTER,
        "url": nav.url_of(request, "scheduledtask_change", firing.job_id),
        "job": harmless(firing.name),
        "task": harmless(firing.task),
        "queue": harmless(firing.queue),
    }
