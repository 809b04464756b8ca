"""Runs as text to read in a terminal; runs in the process of a person's shell."""

from __future__ import annotations

from collections.abc import Sequence

from ..documents import queue_name
from ..models import TaskRun
from ..secrets import mask, mask_arguments
from .job_text import as_json, took
from .tables import fields, moment, short_moment, table, zone_name

WAITS = "waits in line until a live run of its job ends"


def run_table(runs: Sequence[TaskRun]) -> str:
    """Return a table of runs, times in the project's TIME_ZONE."""
    if not runs:
        return "No runs."
    rows = [[str(run.id), run.state, short_moment(run.scheduled_at), took(run.duration), run.job_id] for run in runs]
    return table(["ID", "STATE", f"SCHEDULED ({zone_name()})", "TOOK", "JOB"], rows)


def run_text(run: TaskRun) -> str:
    """Return everything about a run, times in the project's TIME_ZONE, its secrets masked; the traceback comes last."""
    args, kwargs = mask_arguments(run.task, run.args, run.kwargs)
    text = fields(
        [
            ("id", str(run.id)),
            ("job", run.job_id),
            ("task", run.task),
            ("args", as_json(args) if args else ""),
            ("kwargs", as_json(kwargs) if kwargs else ""),
            ("state", run.state),
            ("reason", run.reason or (WAITS if run.waiting else "")),
            ("requested by", run.requested_by),
            ("note", run.note),
            ("scheduled", moment(run.scheduled_at)),
            ("queued", moment(run.queued_at)),
            ("started", moment(run.started_at)),
            ("finished", moment(run.finished_at)),
            ("took", took(run.duration)),
            ("worker", run.worker),
            ("queue", queue_name(run.queue)),
            ("attempt", str(run.attempt) if run.attempt > 1 else ""),
            ("progress", _progress(run)),
            ("result", "" if run.result is None else as_json(mask(run.result))),
            ("exception", run.exception),
        ]
    )
    return f"{text}\n\n{run.traceback.rstrip()}" if run.traceback else text


def _progress(run: TaskRun) -> str:
    told = run.progress
    if not isinstance(told, dict):
        return ""
    total = told.get("total")
    numbers = f"{told.get('current')}" + ("" if total is None else f" of {total}")
    return f"{numbers} {told.get('text') or ''}".strip()
