"""A program that changes its own jobs at random while schedulers fire them, and notes what it did and when.

`python -m tests.faults.editor PREFIX JOBS CHANGES PACE SEED LEDGER LOG`
"""

from __future__ import annotations

import json
import random
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import django

WORK = "tests.app.fault_tasks.work"


class Editor:
    """Adds, edits, pauses, resumes, removes and runs jobs that nobody else touches."""

    def __init__(self, prefix: str, count: int, seed: int, ledger: str, start: datetime, log: Path) -> None:
        self.ids = [f"{prefix}-{number}" for number in range(count)]
        self.random, self.ledger, self.start, self.log = random.Random(seed), ledger, start, log
        self.state = dict.fromkeys(self.ids, "absent")
        self.marker = 0

    def change(self) -> None:
        """Make one change that the job's state allows, and note it."""
        from scheduler import clock

        job_id = self.random.choice(self.ids)
        does = self.random.choice(
            {
                "absent": ["add"],
                "active": ["edit", "edit", "pause", "remove", "run"],
                "paused": ["resume", "edit", "run"],
            }[self.state[job_id]]
        )
        before = clock.now()
        told = getattr(self, does)(job_id)
        line = {"job": job_id, "does": does, "before": before.isoformat(), "after": clock.now().isoformat(), **told}
        with self.log.open("a") as file:
            file.write(json.dumps(line) + "\n")

    def add(self, job_id: str) -> dict[str, Any]:
        from scheduler import add_job

        add_job(
            WORK, "interval", id=job_id, seconds=1, start_date=self.start, timezone="UTC", overlap="allow",
            kwargs=self._kwargs(),
        )  # fmt: skip
        self.state[job_id] = "active"
        return {"marker": self.marker}

    def edit(self, job_id: str) -> dict[str, Any]:
        from scheduler import modify_job

        modify_job(job_id, kwargs=self._kwargs())
        return {"marker": self.marker}

    def pause(self, job_id: str) -> dict[str, Any]:
        from scheduler import pause_job

        pause_job(job_id)
        self.state[job_id] = "paused"
        return {}

    def resume(self, job_id: str) -> dict[str, Any]:
        from scheduler import resume_job

        resume_job(job_id)
        self.state[job_id] = "active"
        return {}

    def remove(self, job_id: str) -> dict[str, Any]:
        from scheduler import remove_job

        remove_job(job_id)
        self.state[job_id] = "absent"
        return {}

    def run(self, job_id: str) -> dict[str, Any]:
        from scheduler import run_job

        return {"run": str(run_job(job_id, by="editor").id)}

    def _kwargs(self) -> dict[str, Any]:
        self.marker += 1
        return {"ledger": self.ledger, "seconds": self.marker / 1e6}


def main() -> None:
    django.setup()
    prefix, count, changes, pace, seed, ledger, log = sys.argv[1:]
    from scheduler import clock

    editor = Editor(prefix, int(count), int(seed), ledger, clock.now().replace(microsecond=0), Path(log))
    for _ in range(int(changes)):
        editor.change()
        time.sleep(editor.random.expovariate(float(pace)))  # the pace of the load, not a wait for anything


if __name__ == "__main__":
    main()
