"""What a job enqueues, and under which policies."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_apscheduler.models import DjangoJob


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
