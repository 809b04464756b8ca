"""`manage.py runscheduler`: the scheduler process."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run a scheduler until it is told to stop (SIGTERM, SIGINT). Any number may run at once."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--no-sync", action="store_true", help="leave jobs declared in code as they are stored")

    def handle(self, *args: Any, **options: Any) -> None:
        from scheduler.engine.process import run

        run(sync=not options["no_sync"])
