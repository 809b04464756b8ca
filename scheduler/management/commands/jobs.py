"""`manage.py jobs`: look at jobs, add and change them, and run one now; runs in the process of a person's shell."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from scheduler import jobs, runs, triggers
from scheduler.cli import job_text, parsing, queries
from scheduler.cli.command import FAILED, ToolCommand, asked_by
from scheduler.cli.job_options import add_job_options, add_task_arguments, changes_of, job_arguments
from scheduler.cli.run_text import run_text
from scheduler.documents import instant, job_document, job_documents, readable_trigger, run_document
from scheduler.exceptions import DuplicateJob
from scheduler.lookup import check_id, get_job
from scheduler.models import ScheduledTask, State


class Command(ToolCommand):
    help = "List, show, add, modify, pause, resume, remove and run jobs."

    def add_arguments(self, parser: CommandParser) -> None:
        action = self.add_actions(parser)
        listing = action("list", self.list, "List the jobs.")
        listing.add_argument("--state", help="scheduled, paused, finished, broken or removed")
        listing.add_argument("--tag")
        listing.add_argument("--queue")
        listing.add_argument("--task", metavar="NAME")
        listing.add_argument("--search", metavar="TEXT", help="in id, name, task and description")
        listing.add_argument("--all", action="store_true", help="removed ones, too")
        action("show", self.show_one, "Show a job.").add_argument("id", metavar="ID")
        adding = action("add", self.add, "Add a job.")
        add_job_options(adding, new=True)
        adding.add_argument("--replace-existing", action="store_true", help="take the place of the job of this id")
        add_job_options(action("modify", self.modify, "Change a job; what is not named stays."), new=False)
        action("pause", self.pause, "Stop a job from firing until it is resumed.").add_argument("id", metavar="ID")
        action("resume", self.resume, "Let a paused job fire again.").add_argument("id", metavar="ID")
        action("remove", self.remove, "Remove a job; its history stays.").add_argument("id", metavar="ID")
        running = action("run", self.run, "Run a job now, beside its schedule.")
        running.add_argument("id", metavar="ID")
        add_task_arguments(running, " in place of the job's own")
        running.add_argument("--note", default="", metavar="T", help="why, shown with the run")
        running.add_argument("--wait", action="store_true", help="until it has ended; exit code 0 for success, else 1")
        running.add_argument("--timeout", metavar="S", help="wait so long at most (30s, 5m, …)")
        coming = action("next", self.next, "List the next firing times of a job.")
        coming.add_argument("id", metavar="ID")
        coming.add_argument("-n", dest="count", default="5", metavar="N", help="how many, 5 unless told")

    def list(self, options: dict[str, Any]) -> None:
        filters = parsing.texts(options, "state", "tag", "queue", "task", "search")
        found = queries.find_jobs(**filters, removed=options["all"])
        self.show(options, lambda: job_documents(found), lambda: job_text.job_table(found))

    def show_one(self, options: dict[str, Any]) -> None:
        self._show_job(options, get_job(options["id"]))

    def add(self, options: dict[str, Any]) -> None:
        told = job_arguments(options)
        job_id, replace = check_id(options["id"]), options["replace_existing"]
        replaced = replace and ScheduledTask.objects.filter(job_id=job_id, removed_at=None).exists()
        try:
            job = jobs.add_job(id=job_id, replace_existing=replace, by=asked_by(), **told)
        except DuplicateJob:
            raise DuplicateJob(job_id, "--replace-existing") from None
        self._show_change(options, job, "replaced" if replaced else "added")

    def modify(self, options: dict[str, Any]) -> None:
        job = jobs.modify_job(options["id"], by=asked_by(), **changes_of(options))
        self._show_change(options, job, "changed")

    def pause(self, options: dict[str, Any]) -> None:
        self._show_job(options, jobs.pause_job(options["id"], by=asked_by()), "is paused")

    def resume(self, options: dict[str, Any]) -> None:
        self._show_change(options, jobs.resume_job(options["id"], by=asked_by()), "goes on")

    def remove(self, options: dict[str, Any]) -> None:
        self._show_job(options, jobs.remove_job(options["id"], by=asked_by()), "is removed; its history stays")

    def run(self, options: dict[str, Any]) -> None:
        timeout = parsing.wait_seconds(options)
        told = parsing.arguments(options)
        run = jobs.run_job(options["id"], by=asked_by(), note=parsing.text("note", options["note"]), **told)
        run = queries.wait_for(run.id, timeout) if options["wait"] else runs.get(run.id)
        self.show(options, lambda: run_document(run), lambda: run_text(run))
        if options["wait"] and run.is_live:
            self.warn(f"Run {run.id} is still {run.state} after {options['timeout']}; it goes on.")
        if options["wait"] and run.state != State.SUCCESS:
            self.leave(FAILED)

    def next(self, options: dict[str, Any]) -> None:
        count = parsing.whole_in("n", options["count"], 1, queries.MOST_FIRINGS)
        job = get_job(options["id"])
        firings = queries.next_firings(job, count)
        self.show(
            options,
            lambda: [instant(at, at.tzinfo) for at in firings],
            lambda: job_text.firings_text(job, firings),
        )

    def _show_job(self, options: dict[str, Any], job: ScheduledTask, done: str = "") -> None:
        text = f"Job {job.id} {done}." if done else ""
        self.show(options, lambda: job_document(job), lambda: text or job_text.job_text(job))

    def _show_change(self, options: dict[str, Any], job: ScheduledTask, done: str) -> None:
        self.show(options, lambda: job_document(job), lambda: job_text.schedule_text(job, done))
        trigger = readable_trigger(job)
        if options["json"] and trigger is not None:
            for sentence in triggers.warnings(trigger):
                self.warn(sentence)
