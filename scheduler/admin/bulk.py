"""Actions on many jobs or runs that the engine carries out: how far each is, and what was refused; web process."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from .. import clock
from ..models import BulkAction, ScheduledTask, TaskRun
from . import times
from .badges import icon
from .base import ConsoleAdmin
from .reasons import said
from .text import harmless

OF_RUNS = ("cancel", "retry")
"""Those whose objects are runs; the others' are jobs."""


class BulkAdmin(ConsoleAdmin[BulkAction]):
    """All of them, the latest first."""

    list_display = ("state", "what", "asked_for", "progress", "refusals_cell")
    ordering = ("-created_at",)
    actions = None
    live_template = "admin/scheduler/bulkaction/bulk_live.html"

    def page_context(self, request: HttpRequest, found: BulkAction) -> dict[str, Any]:
        now = clock.now()
        of = TaskRun if found.action in OF_RUNS else ScheduledTask
        refusals = [each for each in found.refusals if isinstance(each, list) and len(each) == 2]
        return {
            "title": title(found),
            "badge": progress_badge(found),
            "progress": progress_bar(found),
            "asked": times.ago(found.created_at, now),
            "by": harmless(found.requested_by),
            "finished": times.ago(found.finished_at, now) if found.finished_at else "",
            "remaining": max(0, found.total - found.done - found.refused),
            "refusals": [
                {"id": harmless(key), "why": said(why), "url": self.url_of(key, of=of)} for key, why in refusals
            ],
            "more": max(0, found.refused - len(refusals)),
            "objects_url": self.list_url(of) if self.may_view(request, of) else "",
            "moving": found.finished_at is None,
        }

    # -- columns -------------------------------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("state"))
    def state(self, found: BulkAction) -> SafeString:
        return format_html('<a class="sched-plain" href="{}">{}</a>', self.url_of(found.pk), progress_badge(found))

    @admin.display(description=gettext_lazy("action"))
    def what(self, found: BulkAction) -> SafeString:
        return format_html('<a class="sched-main" href="{}">{}</a>', self.url_of(found.pk), title(found))

    @admin.display(description=gettext_lazy("asked for"), ordering="created_at")
    def asked_for(self, found: BulkAction) -> SafeString:
        by = _("by %s") % harmless(found.requested_by)
        now = clock.now()
        return format_html('{}<span class="sched-under">{}</span>', times.ago(found.created_at, now), by)

    @admin.display(description=gettext_lazy("progress"))
    def progress(self, found: BulkAction) -> SafeString:
        return progress_bar(found)

    @admin.display(description=gettext_lazy("refused"))
    def refusals_cell(self, found: BulkAction) -> str:
        return f"{found.refused:,}" if found.refused else "–"


def title(found: BulkAction) -> str:
    """Return what was asked for and of how many."""
    count = found.total
    words = {
        "cancel": ngettext("Cancel %s run", "Cancel %s runs", count),
        "retry": ngettext("Run %s run again", "Run %s runs again", count),
        "run": ngettext("Run %s job now", "Run %s jobs now", count),
        "pause": ngettext("Pause %s job", "Pause %s jobs", count),
        "resume": ngettext("Resume %s job", "Resume %s jobs", count),
        "remove": ngettext("Remove %s job", "Remove %s jobs", count),
    }.get(found.action)
    return harmless(f"{found.action} ({count:,})") if words is None else words % f"{count:,}"


def progress_badge(found: BulkAction) -> SafeString:
    """Return whether an action goes on, as icon, word and colour."""
    if found.finished_at is None:
        return format_html('<span class="sched-badge sched-busy">{}{}</span>', icon("play"), _("goes on"))
    tone, picture = ("warn", "warn") if found.refused else ("good", "check")
    return format_html('<span class="sched-badge sched-{}">{}{}</span>', tone, icon(picture), _("finished"))


def progress_bar(found: BulkAction) -> SafeString:
    """Return how far an action is, as a bar with its numbers."""
    settled = min(found.total, found.done + found.refused)
    return format_html(
        '<span class="sched-progress"><progress max="{}" value="{}" aria-label="{}"></progress> {}</span>',
        str(found.total or 1),
        str(settled),
        _("progress"),
        f"{settled:,} / {found.total:,}",
    )
