"""The way of a run from due to finished, attempt by attempt, with the time between each step; web process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from celery import current_app
from django.utils.html import format_html
from django.utils.translation import gettext as _

from .. import conf
from ..models import State, TaskRun
from .badges import icon
from .reasons import said
from .run_display import run_badge, run_length
from .text import first_line, harmless
from .times import clock, duration, elapsed, precise, time_tag

BEFORE_START = (State.PENDING, State.QUEUED, State.RETRYING)


def journey(run: TaskRun, now: datetime) -> list[dict[str, Any]]:
    """Return the steps that a run went through, with the time between each and the one before.

    The step that a live run is in counts the time since it began. Of a run that ended early, the steps that it did
    not reach are left out; of a live run they are shown as still to come.
    """
    started, retried_at = started_at(run), _retried_at(run)
    reached: list[tuple[str, str, datetime | None]] = [
        (_("Due"), "clock", run.scheduled_at),
        (_("Pending"), "dots", run.created_at),
        (_("Queued"), "tray", run.queued_at),
        (_("Running"), "play", started),
        (_("Finished"), "flag", run.finished_at),
    ]
    if retried_at is not None:
        reached.insert(2, (_("Attempt %s") % attempts(run), "again", retried_at))
    steps: list[dict[str, Any]] = []
    before: datetime | None = None
    for word, picture, moment in reached:
        if moment is None:
            if run.is_live:
                steps.append({"word": word, "icon": icon(picture), "reached": False})
            continue
        gap = None if before is None else (moment - before).total_seconds()
        day, time = precise(moment)
        steps.append(
            {
                "word": word,
                "icon": icon(picture),
                "reached": True,
                "time": time,
                "day": "" if before is not None and day == precise(before)[0] else day,
                "iso": moment.isoformat(),
                "gap": "" if gap is None else f"+{duration(gap)}" if gap >= 0 else f"−{duration(-gap)}",
            }
        )
        if moment is started and run.attempt > 1 and retried_at is None:
            steps[-1]["note"] = _("attempt %s; the earlier ones took their time") % attempts(run)
        before = moment
    if run.is_live:
        current = [step for step in steps if step["reached"]][-1]
        since = before if before is not None and before <= now else None
        current["current"] = True
        current["so_far"] = format_html(_("for {}"), elapsed(since, now)) if since else ""
    return steps


def started_at(run: TaskRun) -> datetime | None:
    """Return when the present attempt began; until then a run's row has the begin of the last one."""
    begun = run.started_at
    if begun is None or run.state in BEFORE_START:
        return None
    return begun if run.attempt == 1 or (run.queued_at is not None and run.queued_at <= begun) else None


def _retried_at(run: TaskRun) -> datetime | None:
    """Return when the last attempt ended in the present one, where that is known."""
    return None if run.attempt == 1 else _instant(next((each.get("ended_at") for each in reversed(_told(run))), None))


def attempts(run: TaskRun) -> str:
    """Return which attempt a run is at, and of how many where that is known: "2 of at most 4".

    A task's own retries have the bound that it was declared with, those after a lost worker that of `MAX_ATTEMPTS`;
    with both, there is no one number.
    """
    most = None
    if run.retries and run.retries == run.attempt - 1:
        task = current_app.tasks.get(run.task)
        most = None if task is None or task.max_retries is None else task.max_retries + 1
    elif not run.retries and run.options.get("on_lost") == "retry":
        most = conf.get("MAX_ATTEMPTS")
    if run.attempt == 1 or most is None or most < run.attempt:
        return str(run.attempt)
    return _("%(attempt)d of at most %(most)d") % {"attempt": run.attempt, "most": most}


def earlier_attempts(run: TaskRun, now: datetime) -> list[dict[str, Any]]:
    """Return what is known of the attempts that others followed, oldest first, and the present one as the last."""
    rows: list[dict[str, Any]] = [
        {
            "number": each.get("attempt"),
            "started": _at(each.get("started_at"), now),
            "took": duration(_seconds(each.get("started_at"), each.get("ended_at"))),
            "worker": harmless(each.get("worker") or ""),
            "end": first_line(said(str(each.get("reason") or ""))),
        }
        for each in _told(run)
    ]
    if rows:
        started = started_at(run)
        rows.append(
            {
                "number": run.attempt,
                "started": time_tag(started, clock(started, now)) if started else "",
                "took": run_length(run, now) if started else "",
                "worker": harmless(run.worker) if started else "",
                "end": run_badge(run),
            }
        )
    return rows


def _told(run: TaskRun) -> list[dict[str, Any]]:
    stored = run.earlier_attempts
    return [each for each in stored if isinstance(each, dict)] if isinstance(stored, list) else []


def _instant(text: Any) -> datetime | None:
    """Return an instant as a database wrote it into JSON; SQLite leaves out that it is UTC."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _at(text: Any, now: datetime) -> str:
    moment = _instant(text)
    return "" if moment is None else time_tag(moment, clock(moment, now))


def _seconds(started: Any, ended: Any) -> float | None:
    begin, end = _instant(started), _instant(ended)
    return None if begin is None or end is None else (end - begin).total_seconds()
