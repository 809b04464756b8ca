"""Jobs as text to read in a terminal; runs in the process of a person's shell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from .. import clock, options, triggers
from ..documents import last_runs, queue_name, readable_trigger, shown_state
from ..models import ScheduledTask, TaskRun
from ..secrets import mask_arguments
from .queries import next_firings
from .tables import fields, length, moment, table

SHOWN_APART = ("name", "queue", "description", "tags")
FIRINGS = 3


def job_table(jobs: Sequence[ScheduledTask]) -> str:
    """Return a table of jobs, each with its times in the zone of its schedule."""
    if not jobs:
        return "No jobs."
    newest = last_runs([job.id for job in jobs])
    rows = []
    for job in jobs:
        run, trigger = newest.get(job.id), readable_trigger(job)
        words = "" if trigger is None else triggers.describe(trigger)
        next_run = moment(job.job.next_run_time, None if trigger is None else triggers.timezone_of(trigger))
        rows.append([job.id, shown_state(job), next_run, _in_short(run), job.broken_reason or words])
    return table(["ID", "STATE", "NEXT RUN", "LAST RUN", "SCHEDULE"], rows)


def _in_short(run: TaskRun | None) -> str:
    return "" if run is None else f"{run.state} {took(run.duration)}".strip()


def took(seconds: float | None) -> str:
    """Return how long a run took, as the admin says it: "2 ms", "4.2 s", "12 s", "2 min 5 s"; empty for None."""
    if seconds is None or seconds >= 59.5:
        return length(seconds)
    if seconds < 0.9995:
        return f"{round(max(0.0, seconds) * 1000)} ms"
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"


def job_text(job: ScheduledTask) -> str:
    """Return everything about a job, its secrets masked, times in the zone of its schedule."""
    args, kwargs = mask_arguments(job.task, job.args, job.kwargs)
    trigger = readable_trigger(job)
    zone = None if trigger is None else triggers.timezone_of(trigger)
    run = last_runs([job.id]).get(job.id)
    pairs = [
        ("id", job.id),
        ("name", job.name),
        ("state", shown_state(job)),
        ("reason", job.broken_reason),
        ("task", job.task),
        ("args", as_json(args) if args else ""),
        ("kwargs", as_json(kwargs) if kwargs else ""),
        ("schedule", "" if trigger is None else f"{triggers.describe(trigger)} ({zone})"),
        ("next run", moment(job.job.next_run_time, zone)),
        ("last run", "" if run is None else f"{_in_short(run)}, {moment(run.scheduled_at, zone)}, {run.id}"),
        ("queue", queue_name(job.queue)),
        *_changed_options(job),
        ("tags", ", ".join(job.tags)),
        ("source", str(job.source)),
        ("description", job.description),
    ]
    return fields(pairs)


def _changed_options(job: ScheduledTask) -> list[tuple[str, str]]:
    """Return the options that are not at their defaults."""
    told = {name: getattr(job, name) for name in options.DEFAULTS if name not in SHOWN_APART}
    return [
        (name.replace("_", " "), "yes" if value is True else str(value))
        for name, value in told.items()
        if value != options.DEFAULTS[name]
    ]


def schedule_text(job: ScheduledTask, done: str) -> str:
    """Return what has come of adding or changing a job: its schedule in words, warnings and the next firings."""
    trigger = readable_trigger(job)
    if trigger is None:
        return f"Job {job.id} {done}."
    lines = [f"Job {job.id} {done}: {triggers.describe(trigger)} ({triggers.timezone_of(trigger)})."]
    lines += [f"Warning: {sentence}" for sentence in triggers.warnings(trigger)]
    return "\n".join([*lines, firings_text(job, next_firings(job, FIRINGS))])


def firings_text(job: ScheduledTask, firings: Sequence[datetime]) -> str:
    """Return when a job fires next."""
    state = shown_state(job)
    if not firings:
        return f"It does not fire again: it is {state}."
    heads = {"paused": "It is paused. Resumed now, it would fire:"}
    now = clock.now()
    times = [f"  {at:%a} {moment(at, at.tzinfo)}{'' if at > now else ' (due now)'}" for at in firings]
    return "\n".join([heads.get(state, "Next firings:"), *times])


def as_json(value: Any) -> str:
    """Return a value as JSON on one line, letters as they are."""
    return json.dumps(value, ensure_ascii=False)
