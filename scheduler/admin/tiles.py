"""The figures at the top of the dashboard, each with the way to what it counts; web process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import figures, overview, queues
from ..models import ServiceProcess
from . import nav, times

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


@dataclass(frozen=True)
class Tile:
    """A figure: what it counts, the number, a few words under it, where it leads, and how it looks."""

    title: str
    value: str
    note: SafeString | str = ""
    url: str = ""
    tone: str = ""
    moves: bool = False
    """Whether it is about something that goes on."""


def tiles(request: HttpRequest, now: datetime) -> list[Tile]:
    """Return the figures of the models that the user may view."""
    parts = {"serviceprocess": _of_processes, "taskrun": _of_live_runs, "scheduledtask": _of_jobs}
    found = [tile for model, part in parts.items() if nav.may_view(request, model) for tile in part(request, now)]
    return [*found, *(_of_past_runs(request, now) if nav.may_view(request, "taskrun") else ())]


def _of_processes(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    url, alive = nav.url_of(request, "serviceprocess_changelist"), overview.alive()
    for kind, title in ((ServiceProcess.Kind.SCHEDULER, _("Schedulers")), (ServiceProcess.Kind.WORKER, _("Workers"))):
        heard = [process.heartbeat_at for process in alive if process.kind == kind]
        note = format_html(_("heard {}"), times.ago(max(heard), now)) if heard else _("none is alive")
        yield Tile(title, str(len(heard)), note, f"{url}?kind={kind}", "" if heard else "bad")


def _of_live_runs(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    url = nav.url_of(request, "taskrun_changelist")
    running = overview.count_running()
    yield Tile(_("Running"), _number(running), "", f"{url}?state=running", moves=running > 0)
    waits = queues.waiting().values()
    queued, unsent = sum(queue.queued for queue in waits), sum(queue.unsent for queue in waits)
    oldest = min((queue.oldest_at for queue in waits if queue.oldest_at), default=None)
    notes = [format_html(_("the oldest {}"), times.ago(oldest, now))] if oldest else []
    notes += [format_html(_("{} not yet sent"), _number(unsent))] if unsent else []
    note = format_html_join(" · ", "{}", ((note,) for note in notes))
    yield Tile(_("Queued"), _number(queued), note, f"{url}?state=queued", moves=queued + unsent > 0)


def _of_jobs(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    due = overview.jobs_due(now, now + HOUR).count()
    note = ngettext("job, in the next hour", "jobs, in the next hour", due)
    yield Tile(_("Due"), _number(due), note, nav.url_of(request, "upcoming"))
    late = overview.jobs_late(times.LATE_AFTER).count()
    note = ngettext("job that should have fired", "jobs that should have fired", late)
    url = nav.url_of(request, "scheduledtask_changelist") + "?trouble=late"
    yield Tile(_("Late"), _number(late), note, url, "bad" if late else "")


def _of_past_runs(request: HttpRequest, now: datetime) -> Iterator[Tile]:
    failed = overview.count_to(overview.failed_since(now - DAY))
    url = nav.url_of(request, "taskrun_changelist") + "?state=failed&within=24h"
    yield Tile(_("Failed"), _number(failed), _("in the last 24 hours"), url, "bad" if failed else "")
    if late := figures.lateness().planned:
        yield Tile(_("Scheduler’s lateness"), times.duration(late.p50), _("p50 · p99 %s") % times.duration(late.p99))


def _number(count: int) -> str:
    return _("over %s") % f"{overview.MOST:,}" if count > overview.MOST else f"{count:,}"
