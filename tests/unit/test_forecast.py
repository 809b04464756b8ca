"""What is due: counts by hour and the agenda, from the real triggers and within bounds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from scheduler import clock, forecast
from scheduler.triggers import next_fire_time, trigger_from_data
from tests.unit.admin.pages import make_job

pytestmark = pytest.mark.django_db
START = datetime(2030, 1, 7, 10, tzinfo=UTC)
HOURLY = {"type": "cron", "minute": 30}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "MOST_SECONDS", 60.0)  # the collector may halt a test for longer than a page has


def test_each_hour_has_the_firings_of_all_jobs_the_next_ones_included() -> None:
    make_job("hourly", trigger=HOURLY, due=START + timedelta(minutes=30))
    make_job("once", trigger={"type": "date", "run_date": "2030-01-07T12:10:00"}, due=START + timedelta(minutes=130))
    make_job("moved", trigger={"type": "cron", "hour": 13}, due=START + timedelta(minutes=1))
    make_job("far", due=START + timedelta(days=9))
    make_job("held", trigger=HOURLY, paused_at=clock.now(), finished=True)
    told = forecast.forecast(None, START, 4)
    assert (told.counts, told.jobs, told.counted, told.cut) == ([2, 1, 2, 2], 3, 3, 0)


def test_what_is_late_is_due_now() -> None:
    make_job("late", trigger=HOURLY, due=START - timedelta(hours=5))
    assert forecast.forecast(None, START, 3).counts == [2, 1, 1]


def test_hours_are_those_of_the_zone_asked_for() -> None:
    make_job("hourly", trigger=HOURLY, due=datetime(2030, 1, 7, 5, 30, tzinfo=UTC))
    start = datetime(2030, 1, 7, 10, tzinfo=ZoneInfo("Asia/Kolkata"))  # 04:30 in UTC
    assert forecast.forecast(None, start, 4).counts == [0, 1, 1, 1]


def test_of_the_jobs_beyond_the_bound_the_next_firing_alone_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "MOST_JOBS", 2)
    for minute in range(5):
        make_job(f"job-{minute}", trigger={"type": "cron", "minute": minute}, due=START + timedelta(minutes=minute))
    told = forecast.forecast(None, START, 3)
    assert (told.counts, told.jobs, told.counted) == ([5, 2, 2], 5, 2)


def test_when_its_time_is_over_counting_ends_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "MOST_SECONDS", -1.0)
    make_job("hourly", trigger=HOURLY, due=START + timedelta(minutes=30))
    told = forecast.forecast(None, START, 3)
    assert (told.counts, told.jobs, told.counted) == ([1, 0, 0], 1, 0)


def test_a_job_that_can_not_be_read_costs_only_itself() -> None:
    make_job("hourly", trigger=HOURLY, due=START + timedelta(minutes=30))
    bad = make_job("bad", due=START + timedelta(minutes=5)).job
    type(bad).objects.filter(id="bad").update(job_state=b"nonsense")
    told = forecast.forecast(None, START, 2)
    assert (told.counts, told.jobs, told.counted) == ([2, 1], 2, 1)
    assert [firing.job_id for firing in forecast.agenda(forecast.scheduled(), 2)] == ["hourly"] * 2


def test_a_filter_narrows_the_counts_to_its_jobs() -> None:
    make_job("a", trigger=HOURLY, due=START + timedelta(minutes=30), queue="long")
    make_job("b", trigger=HOURLY, due=START + timedelta(minutes=30))
    told = forecast.forecast(forecast.scheduled().filter(queue="long"), START, 2)
    assert (told.counts, told.jobs) == ([1, 1], 1)


def test_counting_takes_two_queries_however_many_jobs_there_are() -> None:
    for number in range(20):
        make_job(f"job-{number}", trigger=HOURLY, due=START + timedelta(minutes=30))
    with CaptureQueriesContext(connection) as queries:
        forecast.forecast(None, START, 168)
    assert len(queries) == 2


def test_the_agenda_is_the_merged_firings_of_all_jobs_in_order() -> None:
    plans = {"a": {"type": "cron", "minute": "*/7"}, "b": {"type": "cron", "minute": "*/11"}, "c": HOURLY}
    expected = []
    for job_id, data in plans.items():
        trigger = trigger_from_data(data, timezone="UTC")
        moment = first = next_fire_time(trigger, START)
        for _firing in range(30):
            assert moment is not None
            expected.append((moment, job_id))
            moment = next_fire_time(trigger, moment)
        make_job(job_id, trigger=data, due=first, name=job_id.upper())
    found = forecast.agenda(forecast.scheduled(), 30)
    assert [(firing.at, firing.job_id) for firing in found] == sorted(expected)[:30]
    assert (found[0].name, found[0].queue, str(found[0].zone)) == ("A", "default", "UTC")


def test_the_agenda_of_an_hour_has_its_firings_alone() -> None:
    make_job("often", trigger={"type": "cron", "minute": "*/20"}, due=START)
    make_job("then", trigger={"type": "cron", "hour": 15, "minute": 10}, due=START + timedelta(hours=5, minutes=10))
    make_job("later", trigger=HOURLY, due=START + timedelta(hours=6, minutes=30))
    within = (START + timedelta(hours=5), START + timedelta(hours=6))
    found = forecast.agenda(forecast.scheduled(), 10, within=within)
    assert [(firing.job_id, firing.at.hour, firing.at.minute) for firing in found] == [
        ("often", 15, 0), ("then", 15, 10), ("often", 15, 20), ("often", 15, 40),
    ]  # fmt: skip


def test_jobs_that_fire_next_in_an_hour_are_in_its_agenda_whatever_their_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forecast, "MOST_JOBS", 1)
    for number in range(3):
        make_job(f"before-{number}", trigger={"type": "cron", "day": 1}, due=START)
    make_job("then", trigger=HOURLY, due=START + timedelta(hours=5, minutes=30))
    within = (START + timedelta(hours=5), START + timedelta(hours=6))
    assert [firing.job_id for firing in forecast.agenda(forecast.scheduled(), 10, within=within)] == ["then"]


def test_the_agenda_reads_no_more_jobs_than_it_has_firings(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    load = forecast.load_trigger
    monkeypatch.setattr(forecast, "load_trigger", lambda state: read.append(state) or load(state))
    for number in range(30):
        make_job(f"job-{number}", due=START + timedelta(seconds=number))
    found = forecast.agenda(forecast.scheduled(), 5)
    assert [firing.job_id for firing in found] == [f"job-{number}" for number in range(5)] and len(read) == 5
