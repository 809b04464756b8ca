"""`manage.py prune`: delete old runs; runs in a person's shell, or in a worker as the task of a nightly job."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from scheduler import retention
from scheduler.cli import parsing
from scheduler.cli.command import ToolCommand


class Command(ToolCommand):
    help = "Delete at once what is past retention: ended runs, but not the newest of each job, and old logs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", metavar="N", help="delete runs older than this, whatever the rules say")
        parser.add_argument("--keep", metavar="N", help="keep the newest N of each job, whatever the rules say")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        days, keep = options["days"], options["keep"]
        deleted = retention.prune(
            days=None if days is None else parsing.number_in("days", str(days), 0, retention.MOST_DAYS),
            keep=None if keep is None else parsing.whole_in("keep", str(keep), 0, retention.MOST_RUNS),
        )
        self.show(options, lambda: {"deleted": deleted}, lambda: f"Deleted {deleted} run{'' if deleted == 1 else 's'}.")
