"""Which jobs and runs a list shows, how a job goes on, and the wait for a run; runs in a person's shell."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any, get_args

from django.db.models import Q

from .. import clock, runs, triggers
from ..documents import queue_name, readable_trigger, shown_state
from ..exceptions import InvalidInput
from ..lookup import JobState
from ..models import ScheduledTask, State, TaskRun

MOST_FIRINGS = 1_000
MOST_RUNS = 100_000
LONGEST_PAUSE = 0.5


def find_jobs(
    *,
    state: str | None = None,
    tag: str | None = None,
    queue: str | None = None,
    task: str | None = None,
    search: str | None = None,
    removed: bool = False,
) -> list[ScheduledTask]:
    """Return the jobs that fit, by id; removed ones only if asked for, by `removed` or by their state.

    :param search: part of the id, name, task or description, in upper or lower case
    :raises InvalidInput: for a state that no job has
    """
    check_state(state, get_args(JobState))
    wanted = Q() if removed or state == "removed" else Q(removed_at=None)
    if task is not None:
        wanted &= Q(task=task)
    if queue is not None:
        wanted &= Q(queue=queue) | (Q(queue="") if queue == queue_name("") else Q(pk__in=[]))
    if search:
        columns = ("job__id", "name", "task", "description")
        wanted &= Q(*((f"{column}__icontains", search) for column in columns), _connector=Q.OR)
    found = ScheduledTask.objects.filter(wanted).select_related("job").order_by("job_id")
    return [job for job in found if (tag is None or tag in job.tags) and (state is None or shown_state(job) == state)]


def find_runs(
    *, job: str | None = None, state: str | None = None, since: datetime | None = None, limit: int = 50
) -> list[TaskRun]:
    """Return the runs that fit, newest first.

    :param since: scheduled then or later
    :raises InvalidInput: for a state that no run has
    """
    check_state(state, State.values)
    wanted = Q()
    if job is not None:
        wanted &= Q(job_id=job)
    if state is not None:
        wanted &= Q(state=state)
    if since is not None:
        wanted &= Q(scheduled_at__gte=since)
    return list(TaskRun.objects.filter(wanted).order_by("-scheduled_at", "-id")[:limit])


def check_state(state: str | None, known: Any) -> None:
    """:raises InvalidInput: if a state was given and is not one of `known`"""
    if state is not None and state not in known:
        raise InvalidInput("state", state, "is not a state", f"It is one of {', '.join(known)}.")


def next_firings(job: ScheduledTask, count: int) -> list[datetime]:
    """Return when a job fires next, in its zone: from its stored next run time on; a paused job as if resumed now.

    :return: at most `count` instants; none for a job that is removed, broken or finished
    :raises PlanningError: if its trigger can't be planned
    """
    trigger, state = readable_trigger(job), shown_state(job)
    if trigger is None or state not in ("scheduled", "paused"):
        return []
    now, planned = clock.now(), job.job.next_run_time
    if state == "paused" or planned is None:
        first = triggers.first_fire_time(trigger, now, job_id=job.id)
    else:
        first = planned.astimezone(triggers.timezone_of(trigger))
    if first is None:
        return []
    # A time that has passed is made up for at once; from there the schedule goes on in the future.
    return [first, *triggers.upcoming(trigger, count - 1, after=max(first, now), job_id=job.id)]


def wait_for(run_id: Any, timeout: float | None = None, *, pause: Callable[[float], None] = time.sleep) -> TaskRun:
    """Return a run when it has ended, or as it is after `timeout` seconds."""
    end = None if timeout is None else time.monotonic() + timeout
    length = 0.05
    while (run := runs.get(run_id)).is_live:
        left = LONGEST_PAUSE if end is None else end - time.monotonic()
        if left <= 0:
            break
        pause(min(length, left))
        length = min(length * 1.5, LONGEST_PAUSE)
    return run
