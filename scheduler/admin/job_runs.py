"""The newest runs of many jobs in one query, and what they say together; web process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from typing import NamedTuple
from uuid import UUID

from django.db.models.expressions import RawSQL
from django.db.models.functions import Left

from ..models import FAILED, State, TaskRun

LAST = 30
"""Runs of a job from which the list draws its bars and counts its figures."""
TABLE = TaskRun._meta.db_table
NEWEST = f"SELECT id FROM (SELECT id FROM {TABLE} WHERE job_id = %s ORDER BY scheduled_at DESC LIMIT %s) AS one"
"""The ids of the newest runs of one job. The jobs are named in the statement and not joined to it: so PostgreSQL knows
which have many runs, and walks along the index where it would else sort all of them."""


class PastRun(NamedTuple):
    """What a chart and a figure need of a run; a model's instance takes ten times as long to make."""

    id: UUID
    job_id: str
    state: str
    attempt: int
    requested_by: str
    scheduled_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    why: str
    """The beginning of its exception, or of the reason of its state."""

    @property
    def duration(self) -> float | None:
        """Seconds that the worker spent on it, as `TaskRun.duration`."""
        if self.started_at is None or self.finished_at is None or self.state == State.LOST:
            return None
        return (self.finished_at - self.started_at).total_seconds()


PLAIN = PastRun._fields[:-1]


def newest_runs(job_ids: Sequence[str], count: int = LAST) -> dict[str, list[PastRun]]:
    """Return the newest `count` runs of each of these jobs, newest first, in one query."""
    found: dict[str, list[PastRun]] = {job_id: [] for job_id in job_ids}
    if not found:
        return found
    newest = RawSQL(" UNION ALL ".join([NEWEST] * len(found)), [value for job_id in found for value in (job_id, count)])
    runs = TaskRun.objects.filter(pk__in=newest).order_by("-scheduled_at")
    for *fields, exception, reason in runs.values_list(*PLAIN, Left("exception", 300), Left("reason", 300)):
        run = PastRun._make([*fields, exception or reason])
        found[run.job_id].append(run)
    return found


@dataclass(frozen=True)
class Figures:
    """What some runs of a job say together; None where there is nothing to say it of."""

    ended: int
    """Runs that ended by themselves: neither skipped, missed, cancelled nor expired."""
    succeeded: int
    p50: float | None
    """Seconds that half of them took at most; `p95` likewise."""
    p95: float | None
    late_p50: float | None
    """Seconds from when they were due to their start."""
    late_p95: float | None

    @property
    def success(self) -> float | None:
        """The share of runs that ended well, between 0 and 1."""
        return self.succeeded / self.ended if self.ended else None


def figures(runs: Sequence[PastRun]) -> Figures:
    """Count what runs say together."""
    ended = [run for run in runs if run.state == State.SUCCESS or run.state in FAILED]
    took = sorted(run.duration for run in ended if run.duration is not None)
    late = sorted(
        (run.started_at - run.scheduled_at).total_seconds()
        for run in runs
        if run.started_at is not None and run.attempt == 1 and run.requested_by == "schedule"
    )
    return Figures(
        ended=len(ended),
        succeeded=sum(run.state == State.SUCCESS for run in ended),
        p50=percentile(took, 0.50),
        p95=percentile(took, 0.95),
        late_p50=percentile(late, 0.50),
        late_p95=percentile(late, 0.95),
    )


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """Return the smallest of these values, in ascending order, that `share` of them do not exceed."""
    return ordered[max(0, ceil(share * len(ordered)) - 1)] if ordered else None
