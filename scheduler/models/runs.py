"""Runs, the states that they go through, and their logs."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_apscheduler.models import DjangoJobExecution

from .indexes import CoveringIndex


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
            CoveringIndex(fields=["job_id", "-scheduled_at"], name="scheduler_run_job", covers=["state"]),
            CoveringIndex(fields=["-scheduled_at"], name="scheduler_run_time", covers=["state"]),
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
