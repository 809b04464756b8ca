"""The newest runs of many jobs, and what they say together."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from scheduler import clock
from scheduler.admin.job_runs import figures, newest_runs, percentile
from scheduler.admin.run_strip import in_short, percent, strip
from scheduler.models import State

from .pages import make_job, make_run

pytestmark = pytest.mark.django_db


def test_each_job_has_its_newest_runs_and_no_others(django_assert_num_queries: Any) -> None:
    for job in ("a", "b", 'c "quoted" %s'):
        for n in range(5):
            make_run(job, ago=60 * n + 1)
    make_run("other")
    with django_assert_num_queries(1):
        found = newest_runs(["a", 'c "quoted" %s', "none"], 3)
    assert {job: len(runs) for job, runs in found.items()} == {"a": 3, 'c "quoted" %s': 3, "none": 0}
    at = [run.scheduled_at for run in found["a"]]
    assert at == sorted(at, reverse=True) and clock.now() - at[-1] < timedelta(seconds=130)


def test_a_run_says_why_and_how_long_and_texts_are_cut() -> None:
    make_run("a", State.FAILURE, took=2.5, exception="e" * 5_000, reason="r")
    make_run("b", State.CANCELLED, reason="asked for")
    make_run("c", State.LOST)
    found = newest_runs(["a", "b", "c"])
    assert found["a"][0].why == "e" * 300 and found["a"][0].duration == 2.5
    assert found["b"][0].why == "asked for" and found["c"][0].duration is None


def test_figures_count_runs_that_ended_by_themselves() -> None:
    for n, took in enumerate((1.0, 2.0, 3.0, 4.0)):
        make_run("a", ago=n + 1, took=took)
    make_run("a", State.FAILURE, ago=10, took=9.0)
    for state in (State.SKIPPED, State.MISSED, State.CANCELLED, State.RUNNING, State.PENDING):
        make_run("a", state, ago=20, took=99.0)
    told = figures(newest_runs(["a"])["a"])
    assert (told.ended, told.succeeded, told.success, told.p50, told.p95) == (5, 4, 0.8, 3.0, 9.0)
    assert told.late_p50 == pytest.approx(0.15)
    assert "80 %" in in_short(told) and "p50 3.0 s" in in_short(told) and "4 of 5 ended well" in in_short(told)


def test_a_retry_and_a_run_asked_for_by_hand_say_nothing_of_lateness() -> None:
    make_run("a", attempt=2)
    make_run("a", requested_by="ada", ago=3)
    assert figures(newest_runs(["a"])["a"]).late_p50 is None


def test_of_nothing_there_are_no_figures() -> None:
    told = figures([])
    assert (told.success, told.p50, told.p95, told.late_p50) == (None, None, None, None) and in_short(told) == ""


@pytest.mark.parametrize(("share", "value"), [(0.5, 10), (0.95, 19), (1.0, 20), (0.01, 1)])
def test_a_percentile_is_one_of_the_values_that_so_many_do_not_exceed(share: float, value: float) -> None:
    assert percentile(range(1, 21), share) == value


@pytest.mark.parametrize(
    ("share", "shown"),
    [(1, "100 %"), (0, "0 %"), (0.5, "50 %"), (0.9999, "99.9 %"), (0.995, "99.5 %"), (0.001, "0.1 %")],
)
def test_only_what_is_whole_is_called_whole(share: float, shown: str) -> None:
    assert percent(share) == shown


def test_bars_are_drawn_from_old_to_new_in_proportion_with_words_for_those_who_cannot_see_them() -> None:
    make_job("a")
    make_run("a", State.FAILURE, ago=100, took=8.0)
    make_run("a", ago=50, took=4.0)
    make_run("a", State.SKIPPED, ago=20)
    drawn = strip(newest_runs(["a"])["a"], clock.now())
    assert "The last 3 runs: success 1, failure 1, skipped 1" in drawn
    bad, good, quiet = (drawn.index(f"sched-ink-{tone}") for tone in ("bad", "good", "quiet"))
    assert bad < good < quiet and "M109.5 24V0" in drawn and "M113.5 24V12" in drawn  # of 30 places the last ones
