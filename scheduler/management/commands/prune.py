"""`manage.py prune`: delete old runs; runs in a person's shell, or in a worker as the task of a nightly job."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from scheduler import retention
from scheduler.cli import parsing
from scheduler.cli.command import ToolCommand

MOST_DAYS = 36_500
MOST_KEPT = 10**9


class Command(ToolCommand):
    help = "Delete ended runs past the retention of the settings; the newest of each job stay."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", metavar="N", help="delete runs older than this, instead of RETENTION_DAYS")
        parser.add_argument("--keep", metavar="N", help="keep so many of each job, instead of RETENTION_RUNS")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        days, keep = options["days"], options["keep"]
        deleted = retention.prune(
            days=None if days is None else parsing.number_in("days", str(days), 0, MOST_DAYS),
            keep=None if keep is None else parsing.whole_in("keep", str(keep), 0, MOST_KEPT),
        )
        self.show(options, lambda: {"deleted": deleted}, lambda: f"Deleted {deleted} run{'' if deleted == 1 else 's'}.")
