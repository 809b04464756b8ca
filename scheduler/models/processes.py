"""The processes that are alive, or were."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _


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
