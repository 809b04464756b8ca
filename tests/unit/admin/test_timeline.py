"""The timeline of a job: who overlaps whom, what is drawn of each run, and an axis in the zone of the page."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from scheduler.admin.job_runs import PastRun
from scheduler.admin.timeline import draw, spans, ticks
from scheduler.models import State

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)


def past(minute: float, took: float | None, state: State = State.SUCCESS, waited: float = 0) -> PastRun:
    at = NOON + timedelta(minutes=minute)
    started = None if took is None else at + timedelta(minutes=waited)
    ends = state not in (State.RUNNING, State.QUEUED)
    finished = (started + timedelta(minutes=took) if started and took is not None else at) if ends else None
    return PastRun(uuid4(), "a", state, 1, "schedule", at, started, finished, "")


def lanes(*runs: PastRun, now: datetime = NOON + timedelta(hours=1)) -> list[int]:
    return [span.lane for span in spans(runs, now)]


def test_runs_that_follow_each_other_share_a_lane_and_those_that_overlap_do_not() -> None:
    assert lanes(past(0, 5), past(5, 5), past(10, 5)) == [0, 0, 0]
    assert lanes(past(0, 10), past(5, 10), past(9, 1), past(10, 5)) == [0, 1, 2, 0]
    assert lanes(past(10, 5), past(0, 5)) == [0, 0]  # in whatever order they come


def test_the_wait_for_a_worker_is_part_of_a_run() -> None:
    assert lanes(past(0, 5, waited=5), past(7, 1)) == [0, 1]


def test_a_run_that_goes_on_reaches_to_now_and_a_skip_stands_under_what_it_met() -> None:
    assert lanes(past(0, 1, State.RUNNING), past(50, None, State.SKIPPED), past(55, 2)) == [0, 1, 1]


def test_each_run_is_drawn_in_its_tone_and_leads_to_its_page() -> None:
    runs = [
        past(0, 20),
        past(20, 10, State.FAILURE, waited=10),
        past(45, None, State.SKIPPED),
        past(50, 10, State.RUNNING),
    ]
    drawn = draw("Runs", spans(runs, NOON + timedelta(hours=1)), lambda key: f"/run/{key}/")
    assert [f"/run/{run.id}/" in drawn for run in runs] == [True] * 4
    for tone in ("good", "bad", "quiet", "busy", "wait"):
        assert f'class="sched-ink-{tone}"' in drawn
    bar = re.search(r'sched-ink-good" stroke-width="12" stroke-dasharray="none" d="M6 10H(\d+)"', drawn)
    assert bar is not None and float(bar[1]) == pytest.approx(6 + 948 / 3, abs=1)  # 20 of 60 minutes
    assert "waited 10 min" in drawn and "style=" not in drawn


def test_the_shortest_run_can_be_seen() -> None:
    drawn = draw("Runs", spans([past(0, 0.0001), past(600, 1)], NOON), lambda key: "/")
    assert "M6 10H9" in drawn


@pytest.mark.parametrize(
    ("hours", "zone", "first"),
    [(4, "UTC", "12:30"), (48, "UTC", "18:00"), (24 * 20, "UTC", "8 Jul"), (4, "Asia/Kolkata", "18:00")],
)
def test_the_axis_names_whole_units_of_the_zone(hours: int, zone: str, first: str) -> None:
    with timezone.override(ZoneInfo(zone)):
        found = ticks(NOON + timedelta(minutes=7), NOON + timedelta(hours=hours, minutes=7))
    assert found[0][1] == first and 2 <= len(found) <= 9


def test_the_axis_says_when_a_day_begins() -> None:
    texts = [text for _, text in ticks(NOON, NOON + timedelta(hours=24))]
    assert "2 Jul 00:00" in texts
