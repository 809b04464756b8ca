"""Restoring stored jobs without executing anything, claiming and advancing."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.cron import CronTrigger as StockCronTrigger
from apscheduler.triggers.interval import IntervalTrigger as StockIntervalTrigger
from django_apscheduler.models import DjangoJob

from scheduler import add_job, clock, jobstore, triggers
from scheduler.exceptions import RestoreError
from scheduler.jobstate import ENQUEUE, load_state, load_trigger
from scheduler.models import ScheduledTask

BERLIN = ZoneInfo("Europe/Berlin")
TRIGGERS: list[dict[str, Any]] = [
    {"type": "date", "run_date": "2030-01-01T09:00"},
    {"type": "interval", "seconds": 300, "jitter": 5},
    {"type": "cron", "day_of_week": "mon-fri", "hour": 9, "start_date": "2026-01-01", "timezone": "Asia/Tokyo"},
    {"type": "calendarinterval", "months": 1, "hour": 6},
    {"type": "or", "triggers": [{"type": "cron", "hour": 1}, {"type": "cron", "hour": 5}]},
]


class Call:
    """Pickles into a call of any function."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.call = function, args

    def __reduce__(self) -> Any:
        return self.call


def stored(**changes: Any) -> bytes:
    """Return a job state as we store it, with some of it changed."""
    state = {"version": 1, "func": ENQUEUE, "trigger": triggers.trigger_from_data(TRIGGERS[1]), "args": ("job",)}
    return pickle.dumps({**state, **changes})


@pytest.mark.parametrize("data", TRIGGERS, ids=lambda data: data["type"])
def test_every_trigger_comes_back_as_it_was(data: dict[str, Any]) -> None:
    trigger = triggers.trigger_from_data(data)
    restored = load_trigger(stored(trigger=trigger))
    assert triggers.trigger_to_data(restored) == triggers.trigger_to_data(trigger)


@pytest.mark.parametrize(
    "trigger", [StockIntervalTrigger(seconds=9), StockCronTrigger(hour="1", timezone=BERLIN)], ids=["interval", "cron"]
)
def test_apschedulers_own_triggers_come_back(trigger: Any) -> None:
    assert str(load_trigger(stored(trigger=trigger))) == str(trigger)


@pytest.mark.parametrize("value", [datetime(2026, 1, 1, tzinfo=UTC), date(2026, 1, 1), time(9), timedelta(1), BERLIN])
def test_dates_and_zones_come_back(value: Any) -> None:
    assert load_state(stored(extra=value))["extra"] == value


def test_a_memoryview_as_some_drivers_hand_it_out_is_read() -> None:
    assert load_trigger(memoryview(stored()))


@pytest.mark.parametrize(
    "attack",
    [
        lambda p: Call(os.system, f"touch {p}"),
        lambda p: Call(eval, f"open({p!r}, 'w')"),
        lambda p: Call(exec, f"open({p!r}, 'w')"),
        lambda p: Call(subprocess.Popen, ["touch", p]),
        lambda p: Call(__import__, "os"),
        lambda p: Call(Path.touch, Path(p)),
    ],
)
@pytest.mark.parametrize("place", ["trigger", "args", "extra"])
def test_a_call_hidden_in_a_pickle_is_not_executed(tmp_path: Path, attack: Any, place: str) -> None:
    target = tmp_path / "executed"
    with pytest.raises(RestoreError):
        load_state(stored(**{place: attack(str(target))}))
    assert not target.exists()


@pytest.mark.parametrize(
    "name",
    [
        "cos\nsystem\n",
        "capscheduler.triggers.cron\nsys\n",
        "capscheduler.triggers.base\nsys\n",
        "capscheduler.triggers.cron.expressions\nre\n",
        "cscheduler.triggers.spec\nadopt\n",
        "cscheduler.jobs\nremove_job\n",
        "capscheduler.util\nref_to_obj\n",
        "capscheduler.triggers\n../os\n",
        "cbuiltins\neval\n",
        "cdatetime\nsys\n",
        "czoneinfo\nreset_tzpath\n",
        "cscheduler.triggers.os\nsystem\n",
    ],
)
def test_only_classes_of_triggers_dates_and_zones_can_be_named(name: str) -> None:
    with pytest.raises(RestoreError):
        load_state(name.encode() + b".")


def test_dotted_names_of_newer_protocols_lead_nowhere_else() -> None:
    for module, name in [
        ("apscheduler.triggers.cron", "CronTrigger.__init__.__globals__"),
        ("datetime", "sys.modules"),
    ]:
        attack = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(name)]) + name.encode()
        with pytest.raises(RestoreError):
            load_state(attack + b"\x93.")


@pytest.mark.parametrize(
    "state",
    [
        b"",
        b"garbage",
        pickle.dumps(None),
        pickle.dumps([]),
        pickle.dumps({}),
        pickle.dumps({"trigger": "every day", "func": ENQUEUE}),
        stored()[:-20],
        b"\x80\x04" + b"(" * 100_000,
    ],
    ids=["empty", "garbage", "none", "list", "dict", "text", "cut", "deep"],
)
def test_what_is_no_job_is_refused_with_a_reason(state: bytes) -> None:
    with pytest.raises(RestoreError, match="stored state"):
        load_state(state)


def test_a_job_of_another_program_is_refused_with_what_to_do() -> None:
    with pytest.raises(RestoreError, match=r"'shop\.jobs:clean'.*Celery task"):
        load_state(stored(func="shop.jobs:clean"))


def test_what_we_store_can_be_read_by_apscheduler_alone() -> None:
    """A process without our settings restores the job with plain pickle, as APScheduler does."""
    state = stored(trigger=triggers.trigger_from_data(TRIGGERS[2]))
    program = "import pickle, sys; print(pickle.loads(sys.stdin.buffer.read())['trigger'])"
    shown = subprocess.run([sys.executable, "-c", program], input=state, capture_output=True, check=True)
    assert b"Asia/Tokyo" in shown.stdout or b"cron" in shown.stdout


@pytest.mark.django_db
def test_due_jobs_are_claimed_earliest_first_and_advanced() -> None:
    now = clock.now()
    for number in range(4):
        add_job("tests.app.tasks.add", "interval", hours=1, id=f"job-{number}", args=[1])
    times = {"job-0": now - timedelta(seconds=1), "job-1": now - timedelta(seconds=5), "job-2": now}
    jobstore.advance([*times.items(), ("job-3", now + timedelta(seconds=9))])
    assert [row.id for row, _ in jobstore.claim_due(now, 10)] == ["job-1", "job-0", "job-2"]
    assert [row.id for row, _ in jobstore.claim_due(now, 1)] == ["job-1"]
    assert jobstore.next_due() == times["job-1"]
    jobstore.advance([(job_id, None) for job_id in times])
    assert jobstore.claim_due(now, 10) == []
    assert jobstore.next_due() == now + timedelta(seconds=9)
    jobstore.advance([])
    assert DjangoJob.objects.filter(next_run_time=None).count() == 3


@pytest.mark.django_db
def test_what_is_claimed_is_what_django_reads() -> None:
    options: dict[str, Any] = {"queue": "long", "expires": 60, "misfire_grace_time": 5, "tags": ["x"], "name": "ж"}
    add_job("tests.app.tasks.add", "interval", hours=1, id="whole", args=[1, 2], kwargs={}, **options)
    ScheduledTask.objects.filter(pk="whole").update(paused_at=clock.now(), kwargs={"c": [{"d": None}, 2.5]})
    DjangoJob.objects.create(id="foreign", next_run_time=clock.now(), job_state=b"x")
    now = clock.now()
    jobstore.advance([("whole", now - timedelta(seconds=1)), ("foreign", now)])
    (row, job), (foreign, nobody) = jobstore.claim_due(now, 10)
    assert (foreign.id, nobody) == ("foreign", None) and job is not None
    for claimed in (row, job):
        stored = type(claimed).objects.get(pk=claimed.pk)
        left_out = claimed.get_deferred_fields()
        assert left_out == ({"description", "tags", "declared"} if claimed is job else set())
        names = [field.attname for field in claimed._meta.concrete_fields if field.attname not in left_out]
        assert [getattr(claimed, name) for name in names] == [getattr(stored, name) for name in names]
    assert job.job is row and row.scheduled_task is job and job.tags == ["x"]
    assert [row.id for row in jobstore.claim_due_rows(now, 10)] == ["whole", "foreign"]
