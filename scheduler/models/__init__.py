"""What the database remembers: jobs, their runs, and the processes that are alive; read in all processes."""

from __future__ import annotations

from .jobs import CatchUp, OnLost, Overlap, ScheduledTask, Source
from .processes import ServiceProcess
from .runs import FAILED, LIVE, TERMINAL, UNPUBLISHED, RunLog, State, TaskRun
from .upkeep import BulkAction, BulkPart, Chore, HourTally, RetentionRule

__all__ = [
    "FAILED",
    "LIVE",
    "TERMINAL",
    "UNPUBLISHED",
    "BulkAction",
    "BulkPart",
    "CatchUp",
    "Chore",
    "HourTally",
    "OnLost",
    "Overlap",
    "RetentionRule",
    "RunLog",
    "ScheduledTask",
    "ServiceProcess",
    "Source",
    "State",
    "TaskRun",
]
