"""`manage.py dev`: everything on this machine, with an embedded broker. Needs the example project's settings."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from scheduler.dev import running
from scheduler.dev.obstacles import CannotRun


class Command(BaseCommand):
    help = "Runs web, one scheduler, one worker and a broker on this machine until Ctrl-C; keeps its data in var/."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--port", type=int, default=getattr(settings, "PORT", 8000), help="of the web server on 127.0.0.1"
        )
        parser.add_argument(
            "--prepare", action="store_true", help="only bring the database up to date and make the first login"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["prepare"]:
            self.stdout.write(running.prepare())
            return
        try:
            code = running.run(options["port"])
        except CannotRun as error:
            raise CommandError(str(error), returncode=2) from None
        if code:
            raise SystemExit(code)
