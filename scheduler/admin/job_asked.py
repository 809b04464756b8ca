"""What the parts of a job's page are told; web process."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from ..models import ScheduledTask
from .job_schedule import Schedule


@dataclass(frozen=True)
class Asked:
    """Of which job a part is asked for, when, and by whom."""

    job: ScheduledTask
    schedule: Schedule
    now: datetime
    sees_runs: bool
    sees_arguments: bool
    url_of_run: Callable[[UUID], str]
    retention_url: str
    """Of the page that says how long runs are kept; empty for people who may not see it."""
