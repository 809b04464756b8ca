"""Jitter: the same delay for the same firing, everywhere and always."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.exceptions import InvalidTrigger
from scheduler.triggers import (
    CronTrigger,
    IntervalTrigger,
    OrTrigger,
    check_fires,
    next_fire_time,
    upcoming,
)

from .brute import utc

NOW = utc(2026, 1, 1)


def test_a_firing_is_delayed_by_less_than_the_jitter() -> None:
    trigger = CronTrigger(hour=6, jitter=600, timezone="UTC")
    found = upcoming(trigger, 200, after=NOW, job_id="report")
    delays = [at - (NOW + timedelta(days=n, hours=6)) for n, at in enumerate(found)]
    assert all(timedelta(0) <= delay < timedelta(seconds=600) for delay in delays)
    assert timedelta(seconds=200) < sum(delays, timedelta(0)) / 200 < timedelta(seconds=400)


def test_another_job_gets_other_delays() -> None:
    trigger = CronTrigger(hour=6, jitter=600, timezone="UTC")
    assert upcoming(trigger, 3, after=NOW, job_id="a") != upcoming(trigger, 3, after=NOW, job_id="b")


def test_another_process_computes_the_same_delays() -> None:
    code = (
        "from datetime import datetime, UTC; from scheduler.triggers.cron import CronTrigger;"
        "from scheduler.triggers.firing import next_fire_time;"
        "trigger = CronTrigger(hour=6, jitter=600, timezone='UTC');"
        "print(next_fire_time(trigger, datetime(2026, 1, 1, tzinfo=UTC), job_id='ü'))"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    trigger = CronTrigger(hour=6, jitter=600, timezone="UTC")
    assert out.stdout.strip() == str(next_fire_time(trigger, NOW, job_id="ü"))


@settings(max_examples=100, deadline=None)
@given(
    seconds=st.integers(1, 90),
    jitter=st.floats(0, 300, allow_nan=False),
    start=st.integers(0, 3000),
    job_id=st.text(max_size=8),
)
def test_firings_do_not_depend_on_where_one_starts(seconds: int, jitter: float, start: int, job_id: str) -> None:
    trigger = IntervalTrigger(seconds=seconds, start_date=NOW, jitter=jitter, timezone="UTC")
    table = upcoming(trigger, 40, after=NOW - timedelta(seconds=1), job_id=job_id)
    assert table == sorted(set(table))
    after = NOW + timedelta(seconds=start)
    later = [at for at in table if at > after]
    assert upcoming(trigger, len(later), after=after, job_id=job_id) == later


def test_no_jitter_passes_the_end_date() -> None:
    end = NOW + timedelta(days=3)
    trigger = CronTrigger(hour=0, jitter=3600, end_date=end, timezone="UTC")
    found = upcoming(trigger, 9, after=NOW, job_id="x")
    assert len(found) == 4
    assert found[-1] == end


def test_jitter_of_a_member_counts_for_the_whole() -> None:
    member = CronTrigger(hour=6, jitter=600, timezone="UTC")
    assert next_fire_time(OrTrigger([member]), NOW, job_id="x") == next_fire_time(member, NOW, job_id="x")


def test_no_jitter_is_none() -> None:
    assert CronTrigger(hour=6, jitter=0, timezone="UTC").jitter is None


@pytest.mark.parametrize("jitter", [-1, True, "much", float("nan"), 10**12])
def test_a_wrong_jitter(jitter: object) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        CronTrigger(hour=6, jitter=jitter, timezone="UTC")
    assert caught.value.field == "trigger.jitter"


def test_a_jitter_over_thousands_of_firings_is_refused() -> None:
    with pytest.raises(InvalidTrigger) as caught:
        check_fires(IntervalTrigger(seconds=1, start_date=NOW, jitter=86400, timezone="UTC"), now=NOW)
    assert caught.value.field == "trigger.jitter"
