"""`manage.py syncjobs`: store the jobs that code declares; runs in a person's shell or in a deployment."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from scheduler import syncing
from scheduler.cli.command import REFUSED, ToolCommand
from scheduler.cli.report_text import sync_document, sync_text


class Command(ToolCommand):
    help = "Bring the stored jobs in step with those declared in code. A starting scheduler does the same."
    silenced = (*ToolCommand.silenced, "scheduler.known_tasks")

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--plan", action="store_true", help="only tell what would be done")
        parser.add_argument("--prune", action="store_true", help="remove jobs whose declaration has gone")
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        plan, prune = options["plan"], options["prune"]
        report = syncing.sync(plan_only=plan, prune=prune)
        self.show(options, lambda: sync_document(report), lambda: sync_text(report, plan=plan, prune=prune))
        for module, message in report.unloaded:
            self.complain(f"{module}: could not be loaded: {message}")
        for job_id, message in report.refused:
            self.complain(f"{job_id}: refused: {message}")
        if not report.complete:
            self.leave(REFUSED)
