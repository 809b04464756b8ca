"""Poison in the database, behind the back of every check at the door: it costs only itself."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock
from scheduler.exceptions import InvalidInput
from scheduler.jobstate import ENQUEUE
from scheduler.lookup import state_of
from scheduler.models import ScheduledTask, State, TaskRun
from tests.faults.site import WORK, Site
from tests.unit.admin.job_forms import ADD, faults, opened, send
from tests.waiting import wait_for


class Harm:
    """Does harm when it is unpickled."""

    def __init__(self, call: Callable[..., Any], *arguments: Any) -> None:
        self.call, self.arguments = call, arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call, self.arguments


def state(job_id: str, trigger: Any, **changes: Any) -> bytes:
    """Return a job state as django-apscheduler stores it."""
    stored = {
        "version": 1, "id": job_id, "func": ENQUEUE, "trigger": trigger, "executor": "default", "args": (job_id,),
        "kwargs": {}, "name": job_id, "misfire_grace_time": None, "coalesce": True, "max_instances": 1,
        "next_run_time": clock.now(),
    }  # fmt: skip
    return pickle.dumps({**stored, **changes}, pickle.HIGHEST_PROTOCOL)


def interval(seconds: float) -> IntervalTrigger:
    trigger = IntervalTrigger(seconds=1, timezone=UTC)
    trigger.interval, trigger.interval_length = timedelta(seconds=seconds), seconds
    return trigger


def naming_a_class() -> bytes:
    """Return the state of an AND trigger that names a class which does harm when it is imported or made."""
    harmful = {"version": 1, "jitter": None, "triggers": [("subprocess:Popen", {"args": ["true"]})]}
    with patch.object(AndTrigger, "__getstate__", lambda self: harmful):
        return state("class-reference", AndTrigger([]))


def poisons(canary: Path) -> dict[str, bytes]:

    def touch() -> str:
        return f"touch {canary}"

    return {
        "empty": b"",
        "garbage": b"\x80\x05garbage",
        "cut": state("cut", interval(60))[:-20],
        "no-dict": pickle.dumps([1, 2, 3]),
        "system": pickle.dumps(Harm(os.system, touch())),
        "inside": state("inside", Harm(os.system, touch())),
        "eval": state("eval", Harm(eval, f"open({str(canary)!r}, 'w')")),
        "popen": state("popen", Harm(subprocess.Popen, ["touch", str(canary)])),
        "getattr": state("getattr", Harm(getattr, datetime, "fromisoformat")),
        "foreign-function": state("foreign-function", interval(60), func="os:system", args=(touch(),)),
        "class-reference": naming_a_class(),
        "no-trigger": state("no-trigger", "interval"),
        "zero": state("zero", interval(0)),
        "negative": state("negative", interval(-5)),
        "never-agree": state("never-agree", AndTrigger([interval(7), interval(11)])),
        "week-53": state("week-53", CronTrigger(week=53, month=6, timezone=UTC)),
        "no-such-day": state("no-such-day", CronTrigger(month=2, day=30, timezone=UTC)),
        "year-9999": state("year-9999", CalendarIntervalTrigger(years=9000, start_date="2020-01-01", timezone=UTC)),
        "or-of-poison": state("or-of-poison", OrTrigger([interval(-1), interval(0)])),
    }


def plant(job_id: str, job_state: bytes, ledger: str) -> None:
    """Store a due job as it is, past every check."""
    row = DjangoJob.objects.create(id=job_id, next_run_time=clock.now(), job_state=job_state)
    ScheduledTask.objects.create(job=row, task=WORK, kwargs={"ledger": ledger})


@pytest.mark.short
def test_poison_in_the_database_is_set_aside_and_nothing_else_suffers(site: Site, tmp_path: Path) -> None:
    canary = tmp_path / "harm"
    site.start_workers(1, concurrency=2)
    site.start_schedulers(2)
    site.add_jobs(10, period=1.0, lasting=20.0, begin=2.0, prefix="bystander")
    planted = poisons(canary)
    for job_id, job_state in planted.items():
        plant(job_id, job_state, site.ledger)
    DjangoJob.objects.create(id="orphan", next_run_time=clock.now(), job_state=state("orphan", interval(60)))
    site.report.faults = len(planted) + 1
    ended = {"no-such-day", "week-53", "year-9999"}  # their schedule is simply over
    wait_for(
        lambda: not DjangoJob.objects.filter(id__in=[*planted, "orphan"], next_run_time__lte=clock.now()).exists(),
        what="all poison to be dealt with", timeout=30,
    )  # fmt: skip
    site.wait_for_the_end()
    site.check()
    assert not canary.exists(), "a stored pickle was executed"
    kept = set(DjangoJob.objects.filter(id__in=[*planted, "orphan"]).values_list("id", flat=True))
    assert kept == {*planted, "orphan"}, "poison was deleted"
    for job in ScheduledTask.objects.filter(job_id__in=[*planted, "orphan"]).select_related("job"):
        told = state_of(job)
        assert told == "broken" or (told == "finished" and job.id in ended), f"{job.id} is {told}"
        assert told != "broken" or job.broken_reason
    late = [run for run in TaskRun.objects.filter(job_id__startswith="bystander") if run.queued_at is None]
    assert not late


AT_THE_DOOR: dict[str, dict[str, Any]] = {
    "zero": {"type": "interval", "seconds": 0},
    "negative": {"type": "interval", "seconds": -5},
    "never-agree": {"type": "and", "triggers": [{"type": "interval", "seconds": n} for n in (7, 11)]},
    "week-53": {"type": "cron", "week": 53, "month": 6},
    "no-such-day": {"type": "cron", "month": 2, "day": 30},
    "beyond-the-calendar": {"type": "calendarinterval", "years": 9000, "start_date": "2020-01-01"},
    "too-long": {"type": "interval", "days": 10**9},
    "weekday-7": {"type": "cron", "day_of_week": "7"},
    "over": {"type": "interval", "seconds": 5, "end_date": "2001-01-01T00:00:00"},
    "or-of-poison": {"type": "or", "triggers": [{"type": "interval", "seconds": n} for n in (-1, 0)]},
    "no-such-zone": {"type": "cron", "hour": 1, "timezone": "Mars/Base"},
}


def by_call(poison: dict[str, Any], kwargs: dict[str, Any]) -> str:
    with pytest.raises(InvalidInput) as refused:
        add_job(WORK, poison, kwargs=kwargs)
    return str(refused.value)


def by_command(poison: dict[str, Any], kwargs: dict[str, Any]) -> str:
    asked = ["--task", WORK, "--trigger", json.dumps(poison), "--kwargs", json.dumps(kwargs)]
    with pytest.raises(CommandError) as refused:
        call_command("jobs", "add", "poison", *asked)
    return str(refused.value)


def by_form(poison: dict[str, Any], kwargs: dict[str, Any]) -> str:
    browser = Client()
    browser.force_login(User.objects.get_or_create(username="editor", is_staff=True, is_superuser=True)[0])
    data = opened(browser, f"{ADD}?task={WORK}")
    typed = {"arguments-as_json": "on", "arguments-kwargs_json": json.dumps(kwargs), "name": "poison"}
    schedule = {"schedule-kind": "data", "schedule-trigger_json": json.dumps(poison)}
    found = faults(send(browser, ADD, {**data, **typed, **schedule}))
    assert all(field.startswith("schedule-") for field in found), found
    return " ".join(message for messages in found.values() for message in messages)


def test_poison_is_refused_at_every_door_and_nothing_else_suffers(site: Site) -> None:
    site.start_workers(1, concurrency=2)
    site.start_schedulers(2)
    site.add_jobs(10, period=1.0, lasting=10.0, begin=2.0, prefix="bystander")
    for name, poison in AT_THE_DOOR.items():
        for door in (by_call, by_command, by_form):
            assert door(poison, {"ledger": site.ledger}), f"{name} {door.__name__}: refused without a word"
            site.report.faults += 1
    assert DjangoJob.objects.count() == ScheduledTask.objects.count() == 10, "something of the poison was stored"
    site.wait_for_the_end()
    site.check()
    assert not TaskRun.objects.filter(queued_at=None).exists()


@pytest.mark.short
def test_a_next_run_time_edited_by_hand_is_followed_once(site: Site) -> None:
    site.start_workers(1, concurrency=2)
    site.start_schedulers(1)
    add_job(WORK, "interval", id="moved", hours=1, kwargs={"ledger": site.ledger})
    by_hand = clock.now() + timedelta(seconds=1)
    DjangoJob.objects.filter(id="moved").update(next_run_time=by_hand)
    wait_for(lambda: TaskRun.objects.filter(job_id="moved", state=State.SUCCESS).exists(), what="the moved firing")
    assert TaskRun.objects.get(job_id="moved").scheduled_at == by_hand
    assert DjangoJob.objects.get(id="moved").next_run_time > clock.now() + timedelta(minutes=50)


@pytest.mark.short
def test_a_job_moved_back_in_time_keeps_the_runs_that_it_has(site: Site) -> None:
    site.start_workers(1, concurrency=2)
    site.start_schedulers(1)
    site.add_jobs(1, period=1.0, lasting=5.0, begin=1.0)
    site.wait_for_the_end()
    site.check()
    DjangoJob.objects.filter(id="job-0").update(next_run_time=site.planned[0].first)
    site.wait_for_the_end()
    site.check()


@pytest.mark.short
def test_a_job_whose_task_is_gone_is_broken_and_heals_when_it_comes_back(site: Site) -> None:
    site.start_schedulers(1)
    add_job(WORK, "interval", id="it", seconds=1, kwargs={"ledger": site.ledger})
    ScheduledTask.objects.filter(job_id="it").update(task="not.there.yet")
    wait_for(lambda: ScheduledTask.objects.exclude(broken_reason="").exists(), what="the job to be set aside")
    assert "not.there.yet" in ScheduledTask.objects.get().broken_reason
    ScheduledTask.objects.filter(job_id="it").update(task=WORK)
    site.start_workers(1)
    wait_for(lambda: TaskRun.objects.filter(state=State.SUCCESS).exists(), what="the job to heal", timeout=20)
    assert ScheduledTask.objects.get().broken_reason == ""
