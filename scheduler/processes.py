"""Schedulers and workers that are alive: each writes its row, the engine buries those that fell silent; both."""

from __future__ import annotations

import os
import platform
import socket
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import celery
from django.db.models import DateTimeField, ExpressionWrapper, Q, QuerySet, Value
from django.db.models.functions import Now

from . import __version__, conf
from .models import ServiceProcess


def versions() -> dict[str, Any]:
    """Return the versions of what runs in this process."""
    return {"tickwork": __version__, "celery": celery.__version__, "python": platform.python_version()}


@dataclass
class ThisProcess:
    """What a process says of itself."""

    kind: str
    name: str
    id: uuid.UUID = field(default_factory=uuid.uuid4)
    queues: list[str] = field(default_factory=list)
    tasks: dict[str, list[str]] = field(default_factory=dict)
    """A worker's tasks by name, with how their positional parameters are called."""
    info: dict[str, Any] = field(default_factory=versions)


def beat(this: ThisProcess, *, passed: bool = False) -> datetime:
    """Write this process's heartbeat, by the database's clock, so that hosts need not agree on the time.

    :param passed: whether a scheduler's pass was complete just now
    :return: the database's time
    """
    changes: dict[str, Any] = {
        "heartbeat_at": Now(), "stopped_at": None, "queues": this.queues, "tasks": this.tasks, "info": this.info,
    }  # fmt: skip
    if passed:
        changes["last_pass_at"] = Now()
    if not ServiceProcess.objects.filter(id=this.id).update(**changes):
        ServiceProcess.objects.create(
            id=this.id, kind=this.kind, name=this.name, host=socket.gethostname(), pid=os.getpid(), started_at=Now(),
            **changes,
        )  # fmt: skip
    return ServiceProcess.objects.values_list("heartbeat_at", flat=True).get(id=this.id)


def farewell(this: ThisProcess) -> None:
    """Note that this process has stopped of its own accord."""
    ServiceProcess.objects.filter(id=this.id).update(stopped_at=Now())


def alive(*kinds: str) -> QuerySet[ServiceProcess]:
    """Return the processes whose heartbeat is fresh: those of `kinds`, or all."""
    fresh = ServiceProcess.objects.filter(stopped_at=None, heartbeat_at__gte=ago(conf.get("LOST_AFTER")))
    return fresh.filter(kind__in=kinds) if kinds else fresh


def bury_silent() -> int:
    """Note processes without a heartbeat for `LOST_AFTER` seconds as stopped; return how many."""
    silent = ServiceProcess.objects.filter(stopped_at=None, heartbeat_at__lt=ago(conf.get("LOST_AFTER")))
    return silent.update(stopped_at=Now())


def bury_predecessors() -> None:
    """Note as stopped whatever ran on this host and is gone: a restart needs no patience with its predecessor."""
    host, here = socket.gethostname(), os.getpid()
    for process in ServiceProcess.objects.filter(stopped_at=None, host=host):
        if process.pid == here or not _is_running(process.pid):
            ServiceProcess.objects.filter(id=process.id, stopped_at=None).update(stopped_at=Now())


def forget_old(days: float) -> int:
    """Delete the rows of processes that stopped so many days ago; return how many."""
    old = ServiceProcess.objects.filter(Q(stopped_at__lt=ago(days * 86_400)))
    return old.delete()[0]


def _is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def ago(seconds: float) -> ExpressionWrapper:
    """Return the instant so many seconds ago by the database's clock, for a query."""
    return ExpressionWrapper(Now() - Value(timedelta(seconds=seconds)), output_field=DateTimeField())
