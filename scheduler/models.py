"""What the database remembers: scheduled tasks, their runs, and the processes that are alive; read in all processes."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_apscheduler.models import DjangoJob, DjangoJobExecution


class Overlap(models.TextChoices):
    """What a firing does when `max_instances` runs of its job are still live."""

    SKIP = "skip", _("skip it")
    """The firing is recorded as skipped: "maximum number of running instances reached"."""
    QUEUE = "queue", _("wait in line")
    """One run waits until a place is free; further firings are skipped."""
    REPLACE = "replace", _("cancel the old one")
    """The live runs are cancelled; the new one starts when they are gone."""
    ALLOW = "allow", _("run both")
    """Runs side by side, without limit."""


class CatchUp(models.TextChoices):
    """What happens to firings that came due while no scheduler was there to see them."""

    ONE = "one", _("run the latest once")
    ALL = "all", _("run each of them")
    SKIP = "skip", _("run none of them")


class OnLost(models.TextChoices):
    """What happens to a run whose worker died."""

    FAIL = "fail", _("leave it as lost")
    RETRY = "retry", _("run it again")


class Source(models.TextChoices):
    """Who owns a job."""

    CODE = "code", _("code")
    """Declared with `@scheduled_job`; kept in step by the sync."""
    ADMIN = "admin", _("admin")
    """Added at run time, in the admin, by the CLI or by a call of `add_job`."""


class ScheduledTask(models.Model):
    """What a job enqueues, and under which policies. One to one with APScheduler's stored job."""

    job = models.OneToOneField(DjangoJob, models.CASCADE, primary_key=True, related_name="scheduled_task")
    name = models.CharField(_("name"), max_length=255, blank=True)
    task = models.CharField(_("task"), max_length=255, db_index=True)
    args = models.JSONField(_("positional arguments"), default=list, blank=True)
    kwargs = models.JSONField(_("keyword arguments"), default=dict, blank=True)

    queue = models.CharField(_("queue"), max_length=255, blank=True)
    priority = models.SmallIntegerField(_("priority"), null=True, blank=True)
    expires = models.FloatField(_("expires after (s)"), null=True, blank=True)
    time_limit = models.FloatField(_("hard time limit (s)"), null=True, blank=True)
    soft_time_limit = models.FloatField(_("soft time limit (s)"), null=True, blank=True)

    max_instances = models.PositiveIntegerField(_("live runs at most"), default=1)
    overlap = models.CharField(_("if a run is still going"), max_length=7, choices=Overlap, default=Overlap.SKIP)
    misfire_grace_time = models.PositiveIntegerField(_("may start late by (s)"), null=True, blank=True)
    catch_up = models.CharField(_("missed firings"), max_length=4, choices=CatchUp, default=CatchUp.ONE)
    on_lost = models.CharField(_("if its worker dies"), max_length=5, choices=OnLost, default=OnLost.FAIL)
    run_at_start = models.BooleanField(_("run when the scheduler service starts"), default=False)

    description = models.TextField(_("description"), blank=True)
    tags = models.JSONField(_("tags"), default=list, blank=True)
    owner = models.CharField(_("owner"), max_length=150, blank=True)

    source = models.CharField(_("source"), max_length=5, choices=Source, default=Source.ADMIN)
    declared = models.JSONField(null=True, blank=True, editable=False)
    """The declaration as it was synced last; a field that differs from it was changed by a person."""

    paused_at = models.DateTimeField(null=True, blank=True, editable=False)
    removed_at = models.DateTimeField(null=True, blank=True, editable=False)
    broken_reason = models.TextField(blank=True, editable=False)
    parked_run_time = models.DateTimeField(null=True, blank=True, editable=False)
    """The next run time that a broken job goes back to when it has healed."""

    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = _("job")
        verbose_name_plural = _("jobs")
        permissions = [
            ("run_job", "Can run a job now"),
            ("run_job_with_arguments", "Can run a job with other arguments than its own"),
            ("pause_job", "Can pause and resume a job"),
        ]
        indexes = [
            models.Index(fields=["job"], name="scheduler_broken", condition=~Q(broken_reason="")),
            models.Index(fields=["job"], name="scheduler_at_start", condition=Q(run_at_start=True)),
            models.Index(fields=["queue", "job"], name="scheduler_job_queue"),
        ]

    def __str__(self) -> str:
        return self.name or str(self.job_id)

    @property
    def id(self) -> str:
        """The job's id, as APScheduler's jobs have it."""
        return str(self.job_id)


class State(models.TextChoices):
    """The states of a run; docs/lifecycle.md draws the transitions."""

    PENDING = "pending", _("pending")
    """Written in the database, not yet handed to the broker."""
    QUEUED = "queued", _("queued")
    """Handed to the broker; no worker has started it."""
    RUNNING = "running", _("running")
    """A worker has claimed it and is in the task's body."""
    RETRYING = "retrying", _("retrying")
    """An attempt ended; the next one is planned for `publish_at`."""
    SUCCESS = "success", _("success")
    """The body returned."""
    FAILURE = "failure", _("failure")
    """The body raised, or no worker knows the task."""
    TIMEOUT = "timeout", _("timeout")
    """A soft or hard time limit ended it."""
    LOST = "lost", _("lost")
    """Its worker died."""
    CANCELLED = "cancelled", _("cancelled")
    """Somebody, or a newer run of the job, cancelled it."""
    EXPIRED = "expired", _("expired")
    """No worker took it before it expired."""
    SKIPPED = "skipped", _("skipped")
    """It was due while as many runs as allowed were live."""
    MISSED = "missed", _("missed")
    """It was due while no scheduler was there, or too late."""


LIVE = (State.PENDING, State.QUEUED, State.RUNNING, State.RETRYING)
UNPUBLISHED = (State.PENDING, State.RETRYING)
TERMINAL = tuple(state for state in State if state not in LIVE)
FAILED = (State.FAILURE, State.TIMEOUT, State.LOST)


class TaskRun(models.Model):
    """One firing of a job, or one manual run: the Celery side of django-apscheduler's execution row.

    `id` is the Celery task id. `job_id` is text and not a foreign key, so that history outlives the job.
    Rows are written by `scheduler.runs` alone.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    job_id = models.CharField(_("job"), max_length=255)
    execution = models.OneToOneField(
        DjangoJobExecution, models.SET_NULL, null=True, related_name="task_run", editable=False
    )
    task = models.CharField(_("task"), max_length=255)
    args = models.JSONField(_("positional arguments"), default=list)
    kwargs = models.JSONField(_("keyword arguments"), default=dict)
    queue = models.CharField(_("queue"), max_length=255, blank=True)
    options = models.JSONField(default=dict)
    """What differs from the defaults, as it was when the run was planned: priority, expires, time_limit,
    soft_time_limit, on_lost."""
    requested_by = models.CharField(_("requested by"), max_length=150, default="schedule")
    note = models.TextField(_("note"), blank=True)

    state = models.CharField(_("state"), max_length=9, choices=State, default=State.PENDING)
    reason = models.TextField(_("reason"), blank=True)
    waiting = models.BooleanField(default=False)
    """A pending run that waits in line until a live run of its job ends."""
    attempt = models.PositiveIntegerField(_("attempt"), default=1)
    retries = models.PositiveIntegerField(default=0)
    """How many of the attempts were asked for by the task itself (`self.retry`)."""
    earlier_attempts = models.JSONField(null=True)
    """The last of those that ended and were followed by another one, oldest first: `{"attempt", "started_at",
    "ended_at", "worker", "reason"}`, times in ISO 8601."""

    scheduled_at = models.DateTimeField(_("scheduled"))
    created_at = models.DateTimeField()
    queued_at = models.DateTimeField(_("queued"), null=True)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    publish_at = models.DateTimeField(null=True)
    """When the engine hands a pending or retrying run to the broker, unless somebody did it before."""
    expires_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    cancel_requested_by = models.CharField(max_length=150, blank=True)
    terminate_requested_at = models.DateTimeField(null=True)
    """When somebody asked the worker to end the run's process at once, without the time to stop by itself."""

    worker = models.CharField(_("worker"), max_length=255, blank=True)
    process = models.UUIDField(null=True)
    """The `ServiceProcess` of the worker that claimed it."""
    pid = models.PositiveIntegerField(null=True)

    result = models.JSONField(_("result"), null=True)
    exception = models.TextField(_("exception"), blank=True)
    traceback = models.TextField(_("traceback"), blank=True)
    progress = models.JSONField(_("progress"), null=True)
    """`{"current": number, "total": number or null, "text": str}`"""

    class Meta:
        verbose_name = _("run")
        verbose_name_plural = _("runs")
        permissions = [
            ("cancel_run", "Can cancel a run"),
            ("view_arguments", "Can see what runs and jobs are given, and what runs return"),
            ("view_logs", "Can read the logs of runs"),
        ]
        indexes = [
            models.Index(fields=["job_id", "-scheduled_at"], name="scheduler_run_job", include=["state"]),
            models.Index(fields=["-scheduled_at"], name="scheduler_run_time", include=["state"]),
            models.Index(fields=["job_id", "state"], name="scheduler_run_live", condition=Q(state__in=LIVE)),
            models.Index(fields=["job_id"], name="scheduler_run_waiting", condition=Q(waiting=True)),
            models.Index(fields=["publish_at"], name="scheduler_run_outbox", condition=Q(state__in=UNPUBLISHED)),
            models.Index(fields=["-finished_at"], name="scheduler_run_failed", condition=Q(state__in=FAILED)),
        ]

    def __str__(self) -> str:
        return f"{self.job_id} {self.scheduled_at:%Y-%m-%d %H:%M:%S} ({self.get_state_display()})"

    @property
    def duration(self) -> float | None:
        """Seconds that the worker spent on the last attempt; None before it has ended, and where nobody knows when."""
        if self.started_at is None or self.finished_at is None or self.state == State.LOST:
            return None
        return (self.finished_at - self.started_at).total_seconds()

    @property
    def is_live(self) -> bool:
        """Whether the run has not reached a terminal state."""
        return self.state in LIVE


class RunLog(models.Model):
    """A piece of what a run's task logged and printed, in the order of `number`. Written by `scheduler.runs` alone."""

    run = models.ForeignKey(TaskRun, models.CASCADE, related_name="log")
    number = models.PositiveIntegerField()
    text = models.TextField()
    """Whole lines, each ended by a newline."""

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["run", "number"], name="scheduler_log_order")]

    def __str__(self) -> str:
        return f"{self.run_id} {self.number}"


class HourTally(models.Model):
    """How many runs that were due within one hour are in which state; counted by the engine, for the dashboard."""

    hour = models.DateTimeField()
    """Its beginning, in UTC."""
    state = models.CharField(max_length=9, choices=State)
    count = models.PositiveIntegerField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["hour", "state"], name="scheduler_tally")]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H} {self.state}: {self.count}"


class RetentionRule(models.Model):
    """How long ended runs are kept. One row for a state, and one without a state for all that have no row.

    Where there is no row, settings say it; `scheduler.retention` tells which rules are in force.
    """

    state = models.CharField(
        _("state"), max_length=9, choices=[("", _("any other state")), *((s.value, s.label) for s in TERMINAL)],
        blank=True, unique=True,
    )  # fmt: skip
    days = models.FloatField(_("keep for (days)"))
    keep = models.PositiveIntegerField(_("keep of each job at least (runs)"))
    log_days = models.FloatField(_("keep the logs for (days)"))

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention")

    def __str__(self) -> str:
        return str(self.get_state_display())


class BulkAction(models.Model):
    """An action on many jobs or runs that the engine carries out in slices; the admin shows how far it is."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    action = models.CharField(_("action"), max_length=20)
    total = models.PositiveIntegerField(_("total"))
    done = models.PositiveIntegerField(_("done"), default=0)
    refused = models.PositiveIntegerField(_("refused"), default=0)
    refusals = models.JSONField(default=list)
    """The first of them: `[id, reason]`."""
    user_id = models.CharField(max_length=255, blank=True)
    requested_by = models.CharField(_("requested by"), max_length=150)
    created_at = models.DateTimeField(_("asked for"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True)

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        default_permissions = ("view",)
        indexes = [models.Index(fields=["created_at"], name="scheduler_bulk_open", condition=Q(finished_at=None))]

    def __str__(self) -> str:
        return f"{self.action} {self.total}"


class BulkPart(models.Model):
    """Some of the objects that a bulk action has still to do: ids of jobs, or of runs. Gone when they are done."""

    bulk = models.ForeignKey(BulkAction, models.CASCADE, related_name="parts")
    ids = models.JSONField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.bulk_id}: {len(self.ids)}"


class Chore(models.Model):
    """What the engine does now and then, one scheduler at a time: when it is due, and where it goes on."""

    name = models.CharField(max_length=30, primary_key=True)
    due_at = models.DateTimeField()
    place = models.JSONField(default=dict)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name} {self.due_at}"


class ServiceProcess(models.Model):
    """A scheduler or worker process and its heartbeat. One row for each process that ever started."""

    class Kind(models.TextChoices):
        SCHEDULER = "scheduler", _("scheduler")
        WORKER = "worker", _("worker")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=9, choices=Kind)
    name = models.CharField(max_length=255)
    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    started_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField(db_index=True)
    stopped_at = models.DateTimeField(null=True)
    last_pass_at = models.DateTimeField(null=True)
    """Scheduler: when its last pass was complete."""
    queues = models.JSONField(default=list)
    tasks = models.JSONField(default=list)
    info: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        verbose_name = _("process")
        verbose_name_plural = _("workers and queues")

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"
