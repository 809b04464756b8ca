"""The jobs that keep the installation tidy: times for the tasks of this package; read where jobs are synced."""

from __future__ import annotations

from scheduler import scheduled_job

from .backups import backup_database
from .commands import run_command
from .reports import report_runs

scheduled_job(
    "cron",
    hour=3,
    minute=0,
    id="clear-sessions",
    kwargs={"name": "clearsessions"},
    description="Deletes expired login sessions every night at three.",
    tags=["upkeep"],
)(run_command)

scheduled_job(
    "cron",
    hour=6,
    minute=0,
    id="report-runs",
    kwargs={"hours": 24, "keep": 30},
    description="Writes the runs of the last 24 hours to a CSV file every morning.",
    tags=["upkeep"],
)(report_runs)

scheduled_job(
    "cron",
    day_of_week="sun",
    hour=4,
    minute=0,
    id="backup-database",
    kwargs={"keep": 7},
    description="Backs up the database every Sunday night, and keeps the newest seven.",
    tags=["upkeep"],
)(backup_database)
