"""Tickwork: APScheduler decides when, the database remembers, Celery works, the execution table tells the truth.

The public API is imported on first use, so that importing the package needs neither Django's settings nor its apps.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .jobs import add_job, modify_job, pause_job, remove_job, resume_job, run_job
    from .registry import scheduled_job
    from .worker.reporting import progress

__version__ = "0.1.0"
__all__ = [
    "add_job",
    "modify_job",
    "pause_job",
    "progress",
    "remove_job",
    "resume_job",
    "run_job",
    "scheduled_job",
]

_HOMES = {"scheduled_job": ".registry", "progress": ".worker.reporting"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, ".jobs"), __name__), name)
