"""Deletes what is past retention, a small step at a time, and never searches the table of runs; engine and commands.

Runs are looked at job by job, from the oldest on, along the index on (job_id, -scheduled_at); logs along their own key,
which is the order that they were written in. Each step tells where the next one goes on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, connections
from django_apscheduler.models import DjangoJobExecution

from . import processes
from .db import execute, write_transaction
from .models import TERMINAL, BulkAction, HourTally, RunLog, TaskRun
from .runs.statements import TABLE, aware

if TYPE_CHECKING:
    from .retention import Rule

JOBS_AT_ONCE = 50
ROWS_AT_ONCE = 200
TALLY_DAYS = 2
"""Tallies are kept for so long at least."""

Place = dict[str, Any]
"""Where a sweep goes on, as JSON; empty at its beginning."""


class Limits:
    """What the rules say of a run, at one instant."""

    def __init__(self, rules: Mapping[str, Rule], now: datetime) -> None:
        self.rules = {str(state): rules[state] for state in TERMINAL}
        self.runs_before = {state: now - timedelta(days=rule.days) for state, rule in self.rules.items()}
        self.logs_before = {state: now - timedelta(days=rule.log_days) for state, rule in self.rules.items()}
        self.keeps = sorted({rule.keep for rule in self.rules.values()})

    def newest(self, spare: Mapping[int, datetime | None]) -> datetime | None:
        """Return the instant after which no run of a job may go.

        :param spare: for each number of runs to keep, when the newest run that is beyond it was due, if there is one
        """
        found = [
            min(self.runs_before[state], beyond)
            for state, rule in self.rules.items()
            if (beyond := spare[rule.keep]) is not None
        ]
        return max(found, default=None)

    def run_may_go(self, state: str, due: datetime, ended: datetime | None, kept: Kept) -> bool:
        """Tell whether a run is past its rule."""
        if state not in self.rules or max(due, ended or due) >= self.runs_before[state]:
            return False
        rule = self.rules[state]
        return kept.is_beyond(due, rule.keep) and (not rule.is_own or kept.is_beyond_its_like(due, rule.keep, state))

    def log_may_go(self, state: str, due: datetime, ended: datetime | None) -> bool:
        """Tell whether a run's log is past its rule."""
        return state in self.rules and max(due, ended or due) < self.logs_before[state]


class Kept:
    """Which runs of a job are beyond its newest ones: of all of them, and of those that ended alike.

    The latter reads the index back from the newest run on, so it is asked where a run may go otherwise, and once.
    """

    def __init__(self, job_id: str, spare: Mapping[int, datetime | None], alike: Mapping[str, str | None]) -> None:
        self.job_id = job_id
        self.spare = spare
        self.alike = dict(alike)
        """For each state that was asked for, when the newest run beyond the kept ones was due, as `Place` has it."""

    def is_beyond(self, due: datetime, keep: int) -> bool:
        """Tell whether so many runs of the job, at least, are newer."""
        beyond = self.spare[keep]
        return beyond is not None and due <= beyond

    def is_beyond_its_like(self, due: datetime, keep: int, state: str) -> bool:
        """Tell whether so many runs of the job that ended in this state, at least, are newer."""
        if state not in self.alike:
            alike = TaskRun.objects.filter(job_id=self.job_id, state=state).order_by("-scheduled_at")
            found = alike.values_list("scheduled_at", flat=True)[keep : keep + 1].first()
            self.alike[state] = found.isoformat() if found else None
        beyond = self.alike[state]
        return beyond is not None and due <= datetime.fromisoformat(beyond)


def runs(limits: Limits, place: Place) -> tuple[int, Place | None]:
    """Look at the old runs of a few jobs and delete those that may go, with their logs and execution rows.

    :return: how many were deleted, and where to go on; None at the end
    """
    going_on, past, seen = "at" in place, [], 0
    jobs = _jobs(place.get("job", ""), limits.keeps, including=going_on)
    following: Place | None = {"job": jobs[-1][0]} if len(jobs) == JOBS_AT_ONCE else None
    for job_id, oldest, spare in jobs:
        newest = limits.newest(spare)
        if newest is None or oldest > newest:
            continue
        here = going_on and job_id == place["job"]
        kept = Kept(job_id, spare, place.get("alike", {}) if here else {})
        old = TaskRun.objects.filter(job_id=job_id, scheduled_at__lte=newest).order_by("scheduled_at")
        if here:
            old = old.filter(scheduled_at__gt=datetime.fromisoformat(place["at"]))
        fields = old.values_list("id", "execution_id", "state", "scheduled_at", "finished_at")
        rows = list(fields[: ROWS_AT_ONCE - seen])
        past += [row[:2] for row in rows if limits.run_may_go(*row[2:], kept)]
        seen += len(rows)
        if seen == ROWS_AT_ONCE:
            following = {"job": job_id, "at": rows[-1][3].isoformat(), "alike": kept.alike}
            break
    _delete([run for run, _ in past], [execution for _, execution in past if execution])
    return len(past), following


def _jobs(after: str, keeps: list[int], *, including: bool) -> list[tuple[str, datetime, dict[int, datetime | None]]]:
    """Return the next jobs that have runs, with when the oldest of each was due, and the newest beyond each of `keeps`.

    A recursive query hops along the index from job to job; DISTINCT would read every entry.
    """
    beyond = (
        f", (SELECT scheduled_at FROM {TABLE} r WHERE r.job_id = j.job_id ORDER BY scheduled_at DESC LIMIT 1 OFFSET %s)"
    )
    found = execute(
        connections[DEFAULT_DB_ALIAS],
        "WITH RECURSIVE j(job_id, n) AS ("
        f"SELECT MIN(job_id), 1 FROM {TABLE} WHERE job_id {'>=' if including else '>'} %s"
        f" UNION ALL SELECT (SELECT MIN(r.job_id) FROM {TABLE} r WHERE r.job_id > j.job_id), n + 1"
        " FROM j WHERE j.job_id IS NOT NULL AND n < %s) "
        f"SELECT job_id, (SELECT MIN(scheduled_at) FROM {TABLE} r WHERE r.job_id = j.job_id){beyond * len(keeps)}"
        " FROM j WHERE job_id IS NOT NULL ORDER BY n",
        [after, JOBS_AT_ONCE, *keeps],
    )
    return [
        (job_id, _known(oldest), {keep: aware(at) for keep, at in zip(keeps, spare, strict=True)})
        for job_id, oldest, *spare in found
    ]


def _known(at: Any) -> datetime:
    instant = aware(at)
    assert instant is not None
    return instant


def _delete(run_ids: list[Any], execution_ids: list[int]) -> None:
    """Delete runs, their logs first, without Django's collector: it would load them whole to look for what is known."""
    if not run_ids:
        return
    with write_transaction() as connection:
        RunLog.objects.filter(run_id__in=run_ids)._raw_delete(connection.alias)
        TaskRun.objects.filter(id__in=run_ids, state__in=TERMINAL)._raw_delete(connection.alias)
        DjangoJobExecution.objects.filter(id__in=execution_ids)._raw_delete(connection.alias)


def logs(limits: Limits, place: Place) -> tuple[int, Place | None]:
    """Look at a few pieces of logs and delete those that may go.

    :return: how many pieces were deleted, and where to go on; None at the end, or where all are young
    """
    found = RunLog.objects.filter(id__gt=place.get("id", 0)).order_by("id")
    rows = list(found.values_list("id", "run__state", "run__scheduled_at", "run__finished_at")[:ROWS_AT_ONCE])
    past = [row[0] for row in rows if limits.log_may_go(*row[1:])]
    if past:
        RunLog.objects.filter(id__in=past)._raw_delete(DEFAULT_DB_ALIAS)
    young = max(limits.logs_before.values())
    if len(rows) < ROWS_AT_ONCE or all(due >= young for _, _, due, _ in rows):
        return len(past), None
    return len(past), {"id": rows[-1][0]}


def leftovers(days: float, now: datetime) -> None:
    """Delete what is kept beside runs and is so many days old: processes, bulk actions that are done, tallies."""
    processes.forget_old(max(days, 1))
    BulkAction.objects.filter(finished_at__lt=now - timedelta(days=days)).delete()
    HourTally.objects.filter(hour__lt=now - timedelta(days=max(days, TALLY_DAYS))).delete()
