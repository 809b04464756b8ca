"""`manage.py schedulerhealth`: whether jobs fire and run, and what mends it; a shell, or a container's health check."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandParser

from scheduler import clock
from scheduler.cli.command import FAILED, ToolCommand
from scheduler.cli.report_text import health_text
from scheduler.documents import instant
from scheduler.health import check_health


class Command(ToolCommand):
    help = "Tell whether jobs fire and run: exit code 0 if all is well, 1 if not."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_json(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        problems = check_health()
        healthy = not any(problem.serious for problem in problems)
        document = {
            "healthy": healthy,
            "problems": [asdict(problem) for problem in problems],
            "checked_at": instant(clock.now()),
        }
        self.show(options, lambda: document, lambda: health_text(problems))
        if not healthy:
            self.leave(FAILED)
