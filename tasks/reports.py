"""A report of the latest runs as a CSV file; runs in the worker."""

from __future__ import annotations

import csv
import datetime
from collections.abc import Iterator
from typing import Any

from celery import shared_task
from django.utils import timezone

from scheduler import exceptions, models, progress

from .output_files import Series, check_keep

COLUMNS = ("job", "state", "scheduled", "started", "finished", "duration", "worker", "reason")
ROWS_PER_STEP = 500
MAX_HOURS = 24 * 366
REASON_CHARACTERS = 500


@shared_task(name="tasks.report_runs")
def report_runs(hours: int = 24, keep: int = 30) -> dict[str, Any]:
    """Write the runs that were due in the last hours to a new CSV file in `SCHEDULER["REPORT_DIR"]`.

    One row each, the oldest first: job, state, the times it was scheduled, started and finished (ISO 8601, in the
    project's time zone), duration in seconds, worker and reason. The file is UTF-8, appears when it is complete, and is
    safe to open in a spreadsheet: a cell that would be taken for a formula begins with an apostrophe.

    :param hours: how far back, 8,784 (a year) at most
    :param keep: how many reports to leave, this one included
    :raises InvalidInput: for a number that is out of range
    """
    if not isinstance(hours, int) or isinstance(hours, bool) or not 1 <= hours <= MAX_HOURS:
        raise exceptions.InvalidInput(
            "hours", hours, "is not a number of hours", f"It takes a whole number from 1 to {MAX_HOURS}."
        )
    check_keep(keep)
    until = timezone.now()
    runs = models.TaskRun.objects.filter(
        scheduled_at__gt=until - datetime.timedelta(hours=hours), scheduled_at__lte=until
    )
    total = runs.count()
    series = Series.of_setting("REPORT_DIR", "runs", "csv")
    rows = 0
    with series.new_file() as (part, target):
        with part.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for rows, cells in enumerate(_rows(runs), start=1):
                writer.writerow(cells)
                if rows % ROWS_PER_STEP == 0:
                    progress(rows, max(rows, total), f"{rows} runs written")
        progress(rows, rows, f"{rows} runs written")
    return {"path": str(target), "rows": rows, "bytes": target.stat().st_size, "removed": series.rotate(keep)}


def _rows(runs: Any) -> Iterator[list[str]]:
    """Yield the cells of each run, without ever holding all of them in memory."""
    ordered = runs.order_by("scheduled_at", "id").only(
        "job_id", "state", "scheduled_at", "started_at", "finished_at", "worker", "reason", "exception"
    )
    for run in ordered.iterator(chunk_size=ROWS_PER_STEP):
        reason = (run.reason or run.exception).strip().partition("\n")[0][:REASON_CHARACTERS]
        duration = "" if run.duration is None else f"{run.duration:.3f}"
        cells = [run.job_id, run.state, _time(run.scheduled_at), _time(run.started_at), _time(run.finished_at)]
        yield [safe_cell(cell) for cell in [*cells, duration, run.worker, reason]]


def _time(instant: datetime.datetime | None) -> str:
    return "" if instant is None else timezone.localtime(instant).isoformat(timespec="milliseconds")


def safe_cell(text: str) -> str:
    """Return `text` so that no spreadsheet takes it for a formula (OWASP, "CSV Injection")."""
    return "'" + text if text.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")) else text
