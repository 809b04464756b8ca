"""What the engine keeps for its work beside the firings: tallies, rules, actions on many, chores."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from .runs import TERMINAL, State


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
