"""What a run that has not ended waits for, and who wants it to stop, in whole sentences; web process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from .. import conf, queues
from ..models import LIVE, State, TaskRun
from ..publishing import queue_name
from .processes import process_of, process_state
from .reasons import said
from .run_display import run_badge
from .text import first_line, harmless
from .times import LATE_AFTER, ago, clock

MOST_AHEAD = 5


class Note(NamedTuple):
    """A sentence, and the tone that it is shown in."""

    tone: str
    text: SafeString


def notes(run: TaskRun, now: datetime) -> list[Note]:
    """Return what there is to say of a run that has not ended."""
    if not run.is_live:
        return []
    found: list[Note] = []
    if run.cancel_requested_at is not None:
        found.append(Note("warn", _asked_to_stop(run, run.cancel_requested_at, now)))
    if run.waiting:
        found.append(Note("wait", _in_line(run, now)))
    elif run.state == State.RETRYING:
        found.append(Note("warn", _next_attempt(run, now)))
    elif run.state == State.RUNNING:
        found += _silent_worker(run, now)
    else:
        found += _nobody_listens(run, now)
    return found


def _asked_to_stop(run: TaskRun, asked_at: datetime, now: datetime) -> SafeString:
    who, asked = harmless(run.cancel_requested_by) or _("Somebody"), ago(asked_at, now)
    if run.terminate_requested_at is not None:
        text = _("{} asked it to stop {}. Its worker was told {} to end its process at once.")
        return format_html(text, who, asked, ago(run.terminate_requested_at, now))
    text = _("{} asked it to stop {}. A task stops at its next progress report; otherwise its worker ends it {}.")
    return format_html(text, who, asked, ago(asked_at + timedelta(seconds=conf.get("CANCEL_GRACE")), now))


def _in_line(run: TaskRun, now: datetime) -> SafeString:
    ahead = TaskRun.objects.filter(job_id=run.job_id, state__in=LIVE).exclude(pk=run.pk).order_by("scheduled_at")
    shown = format_html_join(
        " ",
        '<a class="sched-plain" href="{}">{} {}</a>',
        (
            (reverse("admin:scheduler_taskrun_change", args=[each.pk]), run_badge(each), clock(each.scheduled_at, now))
            for each in ahead[:MOST_AHEAD]
        ),
    )
    return format_html(_("It waits in line until a live run of its job ends. {}"), shown)


def _next_attempt(run: TaskRun, now: datetime) -> SafeString:
    why = first_line(said(run.reason) or run.exception)
    if run.publish_at is None:
        return format_html(_("{}. It is tried again."), why.rstrip(".。"))
    return format_html(_("{}. Attempt {} starts {}."), why.rstrip(".。"), run.attempt, ago(run.publish_at, now))


def _silent_worker(run: TaskRun, now: datetime) -> Iterator[Note]:
    """Say that a run's worker is not heard of: it can't tell how the run goes on, nor end it."""
    process = process_of(run)
    if process is not None and process_state(process, now) != "alive":
        text = _("Its worker was last heard of {}. If it has died, the run is given up within about {} s.")
        most = round(conf.get("LOST_AFTER") + conf.get("RECOVERY_INTERVAL"))
        yield Note("bad", format_html(text, ago(process.heartbeat_at, now), most))


def _nobody_listens(run: TaskRun, now: datetime) -> Iterator[Note]:
    """Say that no worker takes a run, once it has waited longer than a worker needs."""
    if (now - run.created_at).total_seconds() < LATE_AFTER:
        return
    name = queue_name(run.queue, run.task)
    if queues.listening()[name]:
        return
    text = _("No live worker listens on its queue {}. Start one: {}")
    command = format_html("<code>{}</code>", harmless(queues.worker_command(name)))
    yield Note("bad", format_html(text, harmless(name), command))
