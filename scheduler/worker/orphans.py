"""Finds runs whose pool process died while nobody told; Celery worker, in its main process.

A process that is killed right after it took a message may not have acknowledged it to its main process, which then
gives the message to another one (Celery 5.7: AsynPool.on_partial_read). That one finds the run claimed and leaves it
alone, its answer counts as the task's, and no signal says that a process was lost.
"""

from __future__ import annotations

import os
from uuid import UUID

from celery.worker import state as worker_state

Place = tuple[UUID, int, int]
"""A run, its attempt and the process that claimed it."""


class Orphans:
    """The runs of this worker that had no process at the last look. At the second look they are given up.

    :param process: this worker's id
    """

    def __init__(self, process: UUID) -> None:
        self._process = process
        self._seen: set[Place] = set()

    def look(self) -> None:
        """Give up what has no process still, and note what has none now.

        What Celery has a request of is left to Celery, which tells of it. An outcome may be on its way from a process
        that has ended since; two looks leave it the time.
        """
        from ..models import State, TaskRun
        from .outcomes import give_up

        running = TaskRun.objects.filter(process=self._process, state=State.RUNNING, pid__isnull=False)
        places: list[Place] = list(running.values_list("id", "attempt", "pid"))  # type: ignore[arg-type]
        known = set(worker_state.requests)
        found = {place for place in places if str(place[0]) not in known and not _lives(place[2])}
        for run_id, attempt, pid in found & self._seen:
            give_up(str(run_id), attempt, f"Its process {pid} died, and nobody told")
        self._seen = found


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:  # gone, or another user's process by now
        return False
    return True
