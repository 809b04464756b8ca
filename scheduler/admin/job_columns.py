"""What the list of jobs says of each, column by column; web process."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..documents import queue_name
from ..lookup import state_of
from ..models import ScheduledTask, TaskRun
from . import zones
from .badges import badge
from .job_actions import JobActions
from .job_runs import figures
from .reasons import said
from .run_strip import in_short, length_of, strip
from .text import dotted, first_line, harmless
from .times import LATE_AFTER, ago


class JobColumns(JobActions):
    """The columns; each job comes with its `runs` and `schedule` (see `job_list`)."""

    @admin.display(description=gettext_lazy("state"))
    def state(self, job: ScheduledTask) -> SafeString:
        state = state_of(job)
        return badge(state, said(job.broken_reason) if state == "broken" else "")

    @admin.display(description=gettext_lazy("job"), ordering="job_id")
    def job_cell(self, job: ScheduledTask) -> SafeString:
        name = harmless(job)
        tags = job.tags if isinstance(job.tags, list) else []
        return format_html(
            '<a class="sched-main" href="{}">{}</a><span class="sched-under">{}{}</span>{}',
            self.url_of(job.pk),
            name,
            format_html("<code>{}</code> ", dotted(job.id)) if name != job.id else "",
            dotted(job.task),
            format_html_join("", '<span class="sched-tag">{}</span>', ((harmless(tag),) for tag in tags)),
        )

    @admin.display(description=gettext_lazy("schedule"))
    def schedule_cell(self, job: Any) -> SafeString:
        error = said(job.broken_reason) if state_of(job) == "broken" else job.schedule.error
        if error:
            return format_html('<span class="sched-error">{}</span>', first_line(error))
        return format_html(
            '<span title="{}">{}</span><span class="sched-under">{}</span>',
            job.schedule.raw,
            job.schedule.words,
            dotted(str(job.schedule.zone)),
        )

    @admin.display(description=gettext_lazy("next run"), ordering=F("job__next_run_time").asc(nulls_last=True))
    def next_run(self, job: Any) -> SafeString | str:
        moment, now = job.job.next_run_time, clock.now()
        if moment is None or state_of(job) != "scheduled":
            return "–"
        with zones.of_job(job.schedule.zone):
            if (now - moment).total_seconds() <= LATE_AFTER:
                return ago(moment, now)
            due = format_html(_("due {}"), ago(moment, now))
        return format_html('<span class="sched-error">{}</span><span class="sched-under">{}</span>', _("late"), due)

    @admin.display(description=gettext_lazy("last run"))
    def last_run(self, job: Any) -> SafeString | str:
        if not job.runs:
            return _("never")
        run, now = job.runs[0], clock.now()
        length = length_of(run, now)
        with zones.of_job(job.schedule.zone):
            return format_html(
                '<a class="sched-plain" href="{}">{}</a><span class="sched-under">{}{}{}</span>',
                self.url_of(run.id, of=TaskRun),
                badge(run.state, first_line(said(run.why))),
                ago(run.scheduled_at, now),
                " · " if length else "",
                length,
            )

    @admin.display(description=gettext_lazy("last 30 runs"))
    def recent(self, job: Any) -> SafeString | str:
        if not job.runs:
            return "–"
        with zones.of_job(job.schedule.zone):
            chart = strip(job.runs, clock.now())
        return format_html(
            '<a class="sched-recent" href="{}?tab=runs">{}</a><span class="sched-under">{}</span>',
            self.url_of(job.pk),
            chart,
            in_short(figures(job.runs)),
        )

    @admin.display(description=gettext_lazy("queue"), ordering="queue")
    def queue_cell(self, job: ScheduledTask) -> SafeString:
        return format_html(
            '{} <span class="sched-under">{}</span>',
            harmless(queue_name(job.queue)),
            _("from %s") % job.get_source_display(),
        )
