"""What one due job does now: every policy, as a pure function."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.engine.planning import Action, Firing, Live, Plan, Policy, plan

DUE = datetime(2026, 3, 2, 12, tzinfo=UTC)


def every(seconds: float, until: datetime | None = None) -> Callable[[datetime], datetime | None]:
    """A trigger that fires every so many seconds from DUE on."""

    def next_after(at: datetime) -> datetime | None:
        steps = int((at - DUE).total_seconds() // seconds) + 1
        found = DUE + timedelta(seconds=steps * seconds)
        return None if until and found > until else found

    return next_after


def at(seconds: float) -> datetime:
    return DUE + timedelta(seconds=seconds)


def actions(made: Plan) -> list[tuple[float, str]]:
    return [((f.scheduled_at - DUE).total_seconds(), f.action.value) for f in made.firings]


def test_a_firing_in_time_fires_and_the_next_one_follows() -> None:
    made = plan(DUE, at(0.2), every(60), Policy(), Live())
    assert made == Plan([Firing(DUE, Action.FIRE)], at(60), False)


def test_a_late_firing_fires_unless_a_deadline_is_set() -> None:
    assert actions(plan(DUE, at(50), every(60), Policy(), Live())) == [(0, "fire")]
    assert actions(plan(DUE, at(5), every(60), Policy(misfire_grace_time=5), Live())) == [(0, "fire")]
    made = plan(DUE, at(6), every(60), Policy(misfire_grace_time=5), Live())
    assert actions(made) == [(0, "miss")]
    assert made.firings[0].reason == "Missed: 6 s late, and it may start 5 s late at most"
    assert made.next_run_time == at(60)


def test_a_finished_schedule_has_no_next_run_time() -> None:
    assert plan(DUE, at(1), every(60, until=DUE), Policy(), Live()).next_run_time is None


def test_the_next_run_time_is_after_now_however_late_it_is() -> None:
    assert plan(DUE, at(605), every(60), Policy(), Live()).next_run_time == at(660)


def test_catch_up_one_runs_the_latest_and_records_the_others() -> None:
    made = plan(DUE, at(125), every(60), Policy(), Live())
    assert actions(made) == [(0, "miss"), (60, "miss"), (120, "fire")]
    assert made.firings[0].reason == f"Missed: made up for by the run of {at(120).isoformat()}"


def test_catch_up_all_runs_each_one_after_the_other() -> None:
    made = plan(DUE, at(125), every(60), Policy(catch_up="all"), Live())
    assert actions(made) == [(0, "fire"), (60, "wait"), (120, "wait")]


def test_catch_up_all_with_room_for_two_starts_two() -> None:
    made = plan(DUE, at(125), every(60), Policy(catch_up="all", max_instances=2), Live())
    assert actions(made) == [(0, "fire"), (60, "fire"), (120, "wait")]


def test_catch_up_all_makes_up_for_so_many_at_most_and_tells_of_the_rest() -> None:
    made = plan(DUE, at(600), every(60), Policy(catch_up="all", overlap="allow"), Live(), most=3)
    assert actions(made) == [(0, "miss"), (480, "fire"), (540, "fire"), (600, "fire")]
    assert made.firings[0].reason == f"8 firings from {DUE.isoformat()} on were missed: no scheduler ran"


def test_catch_up_skip_misses_what_is_late_and_fires_what_is_not() -> None:
    made = plan(DUE, at(125), every(60), Policy(catch_up="skip"), Live())
    assert actions(made) == [(0, "miss"), (60, "miss"), (120, "fire")]
    made = plan(DUE, at(140), every(60), Policy(catch_up="skip"), Live())
    assert actions(made) == [(0, "miss"), (60, "miss"), (120, "miss")]
    assert made.firings[2].reason == "Missed: 20 s late, and it may start 10 s late at most"


def test_catch_up_skip_takes_the_jobs_own_deadline() -> None:
    made = plan(DUE, at(140), every(60), Policy(catch_up="skip", misfire_grace_time=30), Live())
    assert actions(made) == [(0, "miss"), (60, "miss"), (120, "fire")]


def test_overlap_skip_records_what_it_skips() -> None:
    made = plan(DUE, at(0), every(60), Policy(), Live(active=1))
    assert made.firings == [Firing(DUE, Action.SKIP, "Maximum number of running instances reached (1)")]


def test_max_instances_counts_live_runs_and_those_in_line() -> None:
    policy = Policy(max_instances=2)
    assert actions(plan(DUE, at(0), every(60), policy, Live(active=1))) == [(0, "fire")]
    assert actions(plan(DUE, at(0), every(60), policy, Live(active=2))) == [(0, "skip")]
    assert actions(plan(DUE, at(0), every(60), policy, Live(active=1, waiting=1))) == [(0, "skip")]


def test_overlap_queue_lets_one_wait() -> None:
    policy = Policy(overlap="queue")
    assert actions(plan(DUE, at(0), every(60), policy, Live(active=1))) == [(0, "wait")]
    made = plan(DUE, at(0), every(60), policy, Live(active=1, waiting=1))
    assert actions(made) == [(0, "skip")]
    assert "one run waits in line" in made.firings[0].reason


def test_overlap_replace_waits_for_the_old_runs_end() -> None:
    made = plan(DUE, at(0), every(60), Policy(overlap="replace"), Live(active=1))
    assert actions(made) == [(0, "wait")]
    assert made.replace
    made = plan(DUE, at(0), every(60), Policy(overlap="replace"), Live())
    assert actions(made) == [(0, "fire")]
    assert not made.replace


def test_overlap_replace_runs_only_the_newest_of_several() -> None:
    made = plan(DUE, at(125), every(60), Policy(overlap="replace", catch_up="all"), Live(active=1))
    assert actions(made) == [(0, "skip"), (60, "skip"), (120, "wait")]
    assert "Replaced by the run of" in made.firings[0].reason


def test_overlap_allow_always_fires() -> None:
    assert actions(plan(DUE, at(0), every(60), Policy(overlap="allow"), Live(active=99))) == [(0, "fire")]


def test_a_week_of_missed_seconds_is_planned_quickly() -> None:
    began = time.perf_counter()
    made = plan(DUE, at(7 * 86_400), every(1), Policy(catch_up="all"), Live())
    assert time.perf_counter() - began < 1
    assert len(made.firings) == 101
    assert made.firings[0].action is Action.MISS
    assert "More than" in made.firings[0].reason
    assert made.firings[-1].scheduled_at == at(7 * 86_400)


def test_the_latest_of_very_many_firings_are_found_though_they_come_in_bursts() -> None:
    def bursts(after: datetime) -> datetime:
        """Each second of each day's first hour."""
        following = after + timedelta(seconds=1)
        into_day = (following - DUE) % timedelta(days=1)
        return following if into_day < timedelta(hours=1) else following - into_day + timedelta(days=1)

    made = plan(DUE, at(5 * 86_400 - 60), bursts, Policy(catch_up="all"), Live())
    last = 4 * 86_400 + 3_599
    assert [firing.scheduled_at for firing in made.firings[1:]] == [at(last - 99 + number) for number in range(100)]


def test_a_trigger_that_fails_is_the_callers_to_handle() -> None:
    def broken(after: datetime) -> datetime:
        raise OverflowError

    with pytest.raises(OverflowError):
        plan(DUE, at(0), broken, Policy(), Live())


@given(
    late=st.integers(0, 5_000),
    step=st.sampled_from([1, 7, 60, 600]),
    overlap=st.sampled_from(["skip", "queue", "replace", "allow"]),
    catch_up=st.sampled_from(["one", "all", "skip"]),
    grace=st.none() | st.integers(1, 1_000),
    most_live=st.integers(1, 3),
    active=st.integers(0, 4),
    waiting=st.integers(0, 2),
)
def test_whatever_the_policy_every_due_firing_is_accounted_for_once(
    late: int, step: int, overlap: str, catch_up: str, grace: int | None, most_live: int, active: int, waiting: int
) -> None:
    policy = Policy(most_live, overlap, grace, catch_up)
    made = plan(DUE, at(late), every(step), policy, Live(active, waiting), most=100)
    instants = [firing.scheduled_at for firing in made.firings]
    due = late // step + 1
    assert instants == sorted(set(instants))
    assert len(instants) == (due if due <= 100 else 101)
    assert made.next_run_time is not None
    assert made.next_run_time > at(late)
    assert all(firing.reason for firing in made.firings if firing.action in (Action.MISS, Action.SKIP))
    started = sum(firing.action is Action.FIRE for firing in made.firings)
    if overlap != "allow":
        assert started <= max(0, most_live - active - waiting)
    if catch_up != "all":
        assert sum(firing.action in (Action.FIRE, Action.WAIT) for firing in made.firings) <= 1
