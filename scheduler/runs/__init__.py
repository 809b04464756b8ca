"""The state machine of runs, and the only writer of executions: from the engine, the workers and the pages.

Each transition is one UPDATE guarded by the states (and the attempt) that it may come from. The row count tells
whether it happened; a guard that doesn't hold is an answer, not an error. docs/lifecycle.md has the whole picture.
"""

from __future__ import annotations

from .attempts import Claim, claim, claimed_before, report_progress
from .births import firing_id, insert, new_run
from .endings import Outcome, end, finish, lose
from .logs import Piece, log_end, read_log, whole_log
from .people import cancel, cancel_live, get, retry, terminate
from .sending import mark_queued, refuse, republish, take_unpublished
from .statements import NOT_STARTED, count_live, unheld

__all__ = [
    "NOT_STARTED",
    "Claim",
    "Outcome",
    "Piece",
    "cancel",
    "cancel_live",
    "claim",
    "claimed_before",
    "count_live",
    "end",
    "finish",
    "firing_id",
    "get",
    "insert",
    "log_end",
    "lose",
    "mark_queued",
    "new_run",
    "read_log",
    "refuse",
    "report_progress",
    "republish",
    "retry",
    "take_unpublished",
    "terminate",
    "unheld",
    "whole_log",
]
