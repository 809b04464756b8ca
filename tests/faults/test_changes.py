"""Jobs that other processes change while schedulers fire them."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from scheduler import pause_job
from scheduler.models import ScheduledTask, TaskRun
from tests.faults.conftest import SCALE, SEED
from tests.faults.site import Site

IN_FORCE = timedelta(seconds=1)
JOBS, PACE = 8, 3.0
"""Of one editor: its jobs, and its changes in a second. A job must be left alone for longer than twice IN_FORCE
between two changes before a firing can be checked, so the mean gap (JOBS / PACE) has to be longer than that."""


@pytest.mark.short
def test_changes_are_in_force_within_a_second_and_touch_only_their_job(site: Site, tmp_path: Path) -> None:
    changes = int(500 * SCALE)
    lasting = 20.0 + changes / PACE
    site.start_workers(1, concurrency=2)
    site.start_schedulers(2)
    site.add_jobs(10, period=1.0, lasting=lasting, begin=2.0, prefix="bystander")
    logs = [tmp_path / f"editor-{number}" for number in range(2)]
    editors = [
        site.cluster.start(
            "editor",
            [
                "-m",
                "tests.faults.editor",
                f"edited-{number}",
                str(JOBS),
                str(changes),
                str(PACE),
                str(SEED + number),
                site.ledger,
                str(log),
            ],
        )
        for number, log in enumerate(logs)
    ]
    for editor in editors:
        assert editor.wait(timeout=changes * 2 + 60) == 0, editor.output[-3000:]
    left = ScheduledTask.objects.filter(job__id__startswith="edited-", removed_at=None)
    for job_id in left.values_list("job_id", flat=True):
        pause_job(job_id)  # what the editors left would fire on, and there would be no end to wait for
    site.wait_for_the_end(timeout=lasting + 60) if SCALE >= 1 else site.cluster.end()
    made = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    site.report.faults = len(made)
    checked = check_all(made)
    assert checked > len(made) / 4, "the editors were too quick for a single firing to be checked"
    site.report.notes.append(f"{len(made)} changes, {checked} firings of changed jobs checked")
    if SCALE >= 1:
        site.check()


def check_all(made: list[dict[str, Any]]) -> int:
    """Hold the runs of every changed job against what was in force at their instants; return how many were."""
    by_job: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for change in made:
        by_job[change["job"]].append(change)
    return sum(check_job(job_id, sorted(changes, key=lambda c: c["before"])) for job_id, changes in by_job.items())


def check_job(job_id: str, changes: list[dict[str, Any]]) -> int:
    runs = list(TaskRun.objects.filter(job_id=job_id, requested_by="schedule"))
    checked, marker, active = 0, 0, False
    for change, following in pairwise(changes):
        marker = change.get("marker", marker)
        active = {"add": True, "resume": True, "pause": False, "remove": False}.get(change["does"], active)
        begin, end = datetime.fromisoformat(change["after"]) + IN_FORCE, datetime.fromisoformat(following["before"])
        inside = {run.scheduled_at: run for run in runs if begin <= run.scheduled_at < end - IN_FORCE}
        wanted = set(seconds_in(begin, end - IN_FORCE)) if active else set()
        assert set(inside) == wanted, f"{job_id} after {change}: fired at {sorted(inside)}, not at {sorted(wanted)}"
        for at, run in inside.items():
            assert run.kwargs["seconds"] == marker / 1e6, f"{job_id} at {at} ran with what was no longer in force"
        checked += len(wanted) if active else 1
        if change["does"] == "run":
            by_hand = TaskRun.objects.get(id=change["run"])
            assert by_hand.kwargs["seconds"] == marker / 1e6
    return checked


def seconds_in(begin: datetime, end: datetime) -> list[datetime]:
    """Return the whole seconds in [begin, end)."""
    at = begin.replace(microsecond=0)
    at = at if at == begin else at + timedelta(seconds=1)
    found = []
    while at < end:
        found.append(at)
        at += timedelta(seconds=1)
    return found
