"""`manage.py runs`: look at runs, cancel them and run them again; runs in the process of a person's shell."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from scheduler import runs
from scheduler.cli import parsing, queries
from scheduler.cli.command import ToolCommand, asked_by
from scheduler.cli.run_text import run_table, run_text
from scheduler.documents import run_document
from scheduler.models import State, TaskRun


class Command(ToolCommand):
    help = "List, show, cancel and retry runs."

    def add_arguments(self, parser: CommandParser) -> None:
        action = self.add_actions(parser)
        listing = action("list", self.list, "List runs, newest first.")
        listing.add_argument("--job", metavar="ID")
        listing.add_argument("--state", help=", ".join(State.values))
        listing.add_argument("--since", metavar="T", help="scheduled since: 2h, 1d or 2026-12-01T09:00")
        listing.add_argument("--limit", default="50", metavar="N", help="how many at most, 50 unless told")
        showing = action("show", self.show_one, "Show a run.")
        showing.add_argument("id", metavar="ID")
        showing.add_argument("--log", action="store_true", help="its log instead; with --json: its log besides")
        action("cancel", self.cancel, "Cancel a run that has not ended.").add_argument("id", metavar="ID")
        action("retry", self.retry, "Run the job of an ended run again, with the run's arguments.").add_argument(
            "id", metavar="ID"
        )

    def list(self, options: dict[str, Any]) -> None:
        since = None if options["since"] is None else parsing.since("since", options["since"])
        limit = parsing.whole_in("limit", options["limit"], 1, queries.MOST_RUNS)
        found = queries.find_runs(**parsing.texts(options, "job", "state"), since=since, limit=limit)
        self.show(options, lambda: [run_document(run) for run in found], lambda: run_table(found))

    def show_one(self, options: dict[str, Any]) -> None:
        run = runs.get(options["id"])
        if not options["log"]:
            self._show_run(options, run)
        elif options["json"]:
            self.show(options, lambda: {**run_document(run), "log": "".join(runs.whole_log(run.id))}, str)
        else:
            self.pour(runs.whole_log(run.id), nothing="Its task has logged and printed nothing that is still kept.")

    def cancel(self, options: dict[str, Any]) -> None:
        run = runs.cancel(options["id"], by=asked_by())
        asked = " is asked to stop" if run.is_live else " is cancelled"
        self._show_run(options, run, f"Run {run.id}{asked}.")

    def retry(self, options: dict[str, Any]) -> None:
        run = runs.get(runs.retry(options["id"], by=asked_by()).id)
        self._show_run(options, run)

    def _show_run(self, options: dict[str, Any], run: TaskRun, done: str = "") -> None:
        self.show(options, lambda: run_document(run), lambda: done or run_text(run))
