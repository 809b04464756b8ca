"""APScheduler's own calls on a scheduler object (`add_job`, `modify_job`, …), led to `jobs.py`; engine.

They take what APScheduler's documentation says, with a Celery task (or its name) as the function.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from typing import Any

from apscheduler.events import (
    EVENT_ALL_JOBS_REMOVED,
    EVENT_JOB_ADDED,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    JobEvent,
    SchedulerEvent,
)
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, JobLookupError
from apscheduler.schedulers.base import STATE_RUNNING, STATE_STOPPED, BaseScheduler
from apscheduler.util import undefined
from django.utils import timezone
from django_apscheduler.jobstores import DjangoJobStore

from .. import jobs
from ..exceptions import InvalidInput, JobNotFound
from ..jobstate import ENQUEUE
from ..jobstore import TickworkJobStore
from ..known_tasks import task_name
from ..lookup import check_id
from ..models import ScheduledTask
from ..schedules import build_trigger

logger = logging.getLogger(__name__)

DEFAULTS = ("misfire_grace_time", "coalesce", "max_instances")


class JobCalls(BaseScheduler):
    """The calls that people know, over jobs that any process may change."""

    def _configure(self, config: dict[str, Any]) -> None:
        config.setdefault("timezone", timezone.get_default_timezone())
        defaults = config.get("job_defaults") or {}
        self._told_defaults = {name: defaults[name] for name in DEFAULTS if name in defaults}
        if config.pop("executors", None):
            logger.warning("executors= is ignored: Celery's workers run the jobs")
        self._wanted: dict[str, dict[str, Any]] = {}
        self._pending_jobs: list[tuple[Job, str, bool]] = []
        super()._configure(config)

    def add_jobstore(self, jobstore: Any, alias: str = "default", **options: Any) -> None:
        """Take django-apscheduler's store (ours takes its place); refuse others, which a pass can't claim from."""
        if (isinstance(jobstore, BaseJobStore) and not isinstance(jobstore, DjangoJobStore)) or alias != "default":
            raise InvalidInput("jobstore", alias, "is not known", "Tickwork keeps all jobs in Django's database.")
        super().add_jobstore(TickworkJobStore(), alias)

    def add_job(
        self,
        func: Any,
        trigger: Any = None,
        args: Any = None,
        kwargs: Any = None,
        id: str | None = None,
        name: str | None = None,
        misfire_grace_time: Any = undefined,
        coalesce: Any = undefined,
        max_instances: Any = undefined,
        next_run_time: Any = undefined,
        jobstore: str = "default",
        executor: str = "default",
        replace_existing: bool = False,
        **more: Any,
    ) -> Job:
        """Add a job, or, before the scheduler starts, note it down; see APScheduler's documentation and `jobs.add_job`.

        :raises InvalidInput: if anything of it is wrong, at once and not when the scheduler starts
        """
        told = {"misfire_grace_time": misfire_grace_time, "coalesce": coalesce, "max_instances": max_instances}
        options = {**self._told_defaults, **{key: value for key, value in told.items() if value is not undefined}}
        wanted = {
            **options, **more, "task": func, "trigger": trigger, "args": args, "kwargs": kwargs, "name": name or "",
            "id": id or uuid.uuid4().hex, "jobstore": jobstore, "executor": executor,
            "replace_existing": replace_existing,
        }  # fmt: skip
        if not isinstance(trigger, Mapping) and not getattr(trigger, "timezone", None):
            wanted.setdefault("timezone", self.timezone)
        if next_run_time is not undefined:
            wanted["next_run_time"] = next_run_time
        task = task_name(func)
        trigger_args = {key: value for key, value in more.items() if key not in jobs.options.CHECKS}
        crontab = trigger_args.pop("crontab", None)
        if "timezone" in wanted:
            trigger_args["timezone"] = wanted["timezone"]
        job = Job(
            self,
            id=check_id(wanted["id"]),
            func=ENQUEUE,
            args=(wanted["id"],),
            kwargs={},
            trigger=build_trigger(trigger, trigger_args, crontab),
            name=name or task,
            executor="default",
            misfire_grace_time=options.get("misfire_grace_time"),
            coalesce=options.get("coalesce", True),
            max_instances=options.get("max_instances", 1),
        )
        with self._jobstores_lock:
            self._wanted[job.id] = wanted
            if self.state == STATE_STOPPED:
                self._pending_jobs.append((job, jobstore, replace_existing))
                logger.info("Job %s is stored when the scheduler starts", job.id)
            else:
                self._real_add_job(job, jobstore, replace_existing)
        return job

    def _real_add_job(self, job: Job, jobstore_alias: str, replace_existing: bool) -> None:
        stored = jobs.add_job(**self._wanted.pop(job.id))
        job._modify(next_run_time=stored.job.next_run_time)
        job._jobstore_alias = jobstore_alias
        self._told(JobEvent(EVENT_JOB_ADDED, job.id, jobstore_alias))

    def modify_job(self, job_id: str, jobstore: str | None = None, **changes: Any) -> Job:
        """Change a job; see `jobs.modify_job`. :raises JobLookupError: if there is none of this id"""
        if "func" in changes:
            changes["task"] = changes.pop("func")
        pending = self._pending(job_id)
        if pending is not None:
            self._wanted[job_id].update(changes)
            return pending
        jobs.modify_job(job_id, **changes)
        self._told(JobEvent(EVENT_JOB_MODIFIED, job_id, jobstore))
        return self._job(job_id)

    def reschedule_job(self, job_id: str, jobstore: str | None = None, trigger: Any = None, **trigger_args: Any) -> Job:
        """Give a job another trigger and next run time."""
        return self.modify_job(job_id, jobstore, trigger=trigger or "date", **trigger_args)

    def pause_job(self, job_id: str, jobstore: str | None = None) -> Job:
        """Pause a job; see `jobs.pause_job`."""
        pending = self._pending(job_id)
        if pending is not None:
            return self.modify_job(job_id, jobstore, next_run_time=None)
        jobs.pause_job(job_id)
        self._told(JobEvent(EVENT_JOB_MODIFIED, job_id, jobstore))
        return self._job(job_id)

    def resume_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """Resume a job; None where its schedule has finished."""
        pending = self._pending(job_id)
        if pending is not None:
            self._wanted[job_id].pop("next_run_time", None)
            return pending
        resumed = jobs.resume_job(job_id)
        self._told(JobEvent(EVENT_JOB_MODIFIED, job_id, jobstore))
        return self._job(job_id) if resumed.job.next_run_time else None

    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Remove a job; its history stays. :raises JobLookupError: if there is none of this id"""
        if self._pending(job_id) is not None:
            self._pending_jobs = [entry for entry in self._pending_jobs if entry[0].id != job_id]
            self._wanted.pop(job_id, None)
        else:
            jobs.remove_job(job_id)
        self._told(JobEvent(EVENT_JOB_REMOVED, job_id, jobstore or "default"))

    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Remove every job; their history stays."""
        self._pending_jobs, self._wanted = [], {}
        if self.state != STATE_STOPPED:
            for job_id in ScheduledTask.objects.filter(removed_at=None).values_list("job_id", flat=True):
                jobs.remove_job(job_id)
        self._told(SchedulerEvent(EVENT_ALL_JOBS_REMOVED, jobstore))

    def _pending(self, job_id: str) -> Job | None:
        if self.state != STATE_STOPPED:
            return None
        for job, _, _ in self._pending_jobs:
            if job.id == job_id:
                return job
        raise JobLookupError(job_id)

    def _job(self, job_id: str) -> Job:
        job = self.get_job(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return job

    def _told(self, event: SchedulerEvent) -> None:
        self._dispatch_event(event)
        if self.state == STATE_RUNNING:
            self.wakeup()
