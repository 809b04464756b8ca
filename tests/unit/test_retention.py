"""How long runs and logs are kept, and deleting what is past that."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import chores, clock, retention, runs, sweep
from scheduler.exceptions import InvalidInput
from scheduler.models import (
    TERMINAL,
    BulkAction,
    Chore,
    HourTally,
    RetentionRule,
    RunLog,
    ScheduledTask,
    ServiceProcess,
    State,
    TaskRun,
)
from scheduler.retention import Rule
from tests.plans import plans_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def job() -> ScheduledTask:
    return make_job("job")


def make_job(job_id: str) -> ScheduledTask:
    row = DjangoJob.objects.create(id=job_id, next_run_time=None, job_state=b"")
    return ScheduledTask.objects.create(job=row, task="tests.app.tasks.add")


def ago(days: float) -> datetime:
    return clock.now() - timedelta(days=days)


def insert(job: ScheduledTask, days: float, state: State = State.SUCCESS, *, ended: float | None = None) -> TaskRun:
    """Write a run that was due so many days ago, and ended then or `ended` days ago."""
    at = ago(days)
    run = runs.new_run(job, at, now=at, state=state, run_id=uuid.uuid4())
    if ended is not None:
        run.finished_at = ago(ended)
    runs.insert([run])
    return run


def log(run: TaskRun, pieces: int = 1) -> None:
    RunLog.objects.bulk_create([RunLog(run=run, number=number + 1, text="line\n") for number in range(pieces)])


def ages(job_id: str = "job") -> list[int]:
    kept = TaskRun.objects.filter(job_id=job_id).order_by("scheduled_at").values_list("scheduled_at", flat=True)
    return [round((clock.now() - at).total_seconds() / 86_400) for at in kept]


def limits(days: float = 30, keep: int = 0, log_days: float = 14, **own: Rule) -> sweep.Limits:
    others = Rule(days, keep, log_days, is_own=False)
    return sweep.Limits({str(state): own.get(state, others) for state in TERMINAL}, clock.now())


# -- what is deleted ---------------------------------------------------------------------------------------------------


def test_what_is_old_goes_with_its_log_and_execution_row(job: ScheduledTask) -> None:
    for days in (50, 40, 20, 10):
        log(insert(job, days), 2)
    assert retention.prune(days=30, keep=0) == 2
    assert ages() == [20, 10]
    assert DjangoJobExecution.objects.count() == 2
    assert RunLog.objects.count() == 2  # the log of the run of 20 days ago is past its own limit


def test_the_newest_of_each_job_stay_however_old(job: ScheduledTask) -> None:
    other = make_job("other")
    for days in (50, 45, 40):
        insert(job, days)
        insert(other, days)
    insert(other, 1)
    assert retention.prune(days=30, keep=2) == 3
    assert ages() == [45, 40]
    assert ages("other") == [40, 1]


def test_live_runs_stay_however_old(job: ScheduledTask) -> None:
    log(insert(job, 50, State.RUNNING))
    insert(job, 50, State.FAILURE)
    assert retention.prune(days=30, keep=0) == 1
    assert TaskRun.objects.get().state == State.RUNNING
    assert RunLog.objects.count() == 1


def test_a_run_is_as_old_as_its_end(job: ScheduledTask) -> None:
    """A firing of long ago may have been made up for yesterday."""
    log(insert(job, 50, ended=1))
    assert retention.prune(days=30, keep=0) == 0
    assert RunLog.objects.count() == 1


def test_jobs_and_the_history_of_removed_ones_are_not_touched(job: ScheduledTask) -> None:
    insert(job, 5)
    DjangoJob.objects.all().delete()
    assert retention.prune(days=30, keep=0) == 0
    assert ages() == [5]


def test_old_runs_of_jobs_that_are_gone_go_as_well(job: ScheduledTask) -> None:
    insert(job, 50)
    DjangoJob.objects.all().delete()
    assert retention.prune(days=30, keep=0) == 1


def test_each_state_is_kept_by_its_own_rule(job: ScheduledTask) -> None:
    retention.set_rule("failure", days=60, keep=0)
    retention.set_rule("skipped", days=1, keep=3)
    for days in (70, 50, 40, 20, 2):
        for state in (State.SUCCESS, State.FAILURE, State.SKIPPED):
            insert(job, days + {"success": 0, "failure": 0.01, "skipped": 0.02}[state], state)
    retention.prune(keep=None, days=None)
    found = TaskRun.objects.order_by("scheduled_at").values_list("state", "scheduled_at")
    kept = [(state, round((clock.now() - at).total_seconds() / 86_400)) for state, at in found]
    # Of all states the newest 100 are kept by the setting, so success stays; of skipped the newest 3 that were.
    assert [age for state, age in kept if state == "success"] == [70, 50, 40, 20, 2]
    assert [age for state, age in kept if state == "failure"] == [50, 40, 20, 2]
    assert [age for state, age in kept if state == "skipped"] == [40, 20, 2]


def test_the_rule_of_a_state_counts_its_own_runs_and_the_general_one_counts_all(
    job: ScheduledTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROWS_AT_ONCE", 3)
    for days in (90, 80, 70, 60):
        insert(job, days, State.FAILURE)
    for days in range(40, 50):
        insert(job, days)
    insert(job, 39, State.TIMEOUT)
    own = Rule(30, 2, 14, is_own=True)
    place: sweep.Place | None = {}
    queries = []
    while place is not None:
        with CaptureQueriesContext(connection) as captured:
            _, place = sweep.runs(limits(keep=1, failure=own), place)
        queries.append(sum('"state" = ' in query["sql"] for query in captured))
    assert ages() == [70, 60, 39]
    # The newest failure beyond the kept ones is looked for once, by the step that needs it first.
    assert queries == [1, 0, 0, 0, 0]


def test_told_how_many_to_keep_every_state_is_counted_alike(job: ScheduledTask) -> None:
    retention.set_rule("failure", keep=5)
    for days in (50, 45):
        insert(job, days, State.FAILURE)
    insert(job, 40)
    assert retention.prune(keep=1) == 2
    assert ages() == [40]


def test_logs_go_before_their_runs_by_a_limit_of_their_own(job: ScheduledTask) -> None:
    retention.set_rule("failure", log_days=30)
    for days in (20, 10):
        log(insert(job, days, State.SUCCESS), 2)
        log(insert(job, days + 0.1, State.FAILURE), 2)
    assert retention.prune() == 0
    left = RunLog.objects.order_by("id").values_list("run__state", flat=True)
    assert list(left) == ["failure", "failure", "success", "success", "failure", "failure"]


def test_settings_say_how_much_is_kept(job: ScheduledTask, settings: Any) -> None:
    settings.SCHEDULER = {"RETENTION_DAYS": 10, "RETENTION_RUNS": 1, "RETENTION_LOG_DAYS": 5}
    for days in (12, 11, 9, 4):
        log(insert(job, days))
    call_command("prune", verbosity=0)
    assert ages() == [9, 4]
    assert RunLog.objects.count() == 1


def test_processes_bulk_actions_and_tallies_of_long_ago_are_forgotten() -> None:
    for days in (1, 100):
        at = ago(days)
        ServiceProcess.objects.create(
            kind="worker", name=str(days), host="h", pid=1, started_at=at, heartbeat_at=at, stopped_at=at
        )
        BulkAction.objects.create(action="pause", total=days, requested_by="x", finished_at=at)
        HourTally.objects.create(hour=at, state=State.SUCCESS, count=days)
    BulkAction.objects.create(action="pause", total=2, requested_by="x", finished_at=None)
    retention.prune(days=30)
    assert [process.name for process in ServiceProcess.objects.all()] == ["1"]
    assert sorted(action.total for action in BulkAction.objects.all()) == [1, 2]
    assert [tally.count for tally in HourTally.objects.all()] == [1]


# -- in small steps ----------------------------------------------------------------------------------------------------


def test_a_step_is_small_and_the_next_one_goes_on_in_the_midst_of_a_job(
    job: ScheduledTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROWS_AT_ONCE", 3)
    insert(job, 60, State.RUNNING)
    for days in range(40, 47):
        insert(job, days)
    place: sweep.Place | None = {}
    deleted = []
    while place is not None:
        done, place = sweep.runs(limits(keep=1), place)
        deleted.append(done)
    assert deleted == [2, 3, 1]
    assert ages() == [60, 40]


def test_steps_go_from_job_to_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "JOBS_AT_ONCE", 2)
    for number in range(5):
        insert(make_job(f"job-{number}"), 40)
    place: sweep.Place | None = {}
    seen = []
    while place is not None:
        _, place = sweep.runs(limits(), place)
        seen.append(place)
    assert seen == [{"job": "job-1"}, {"job": "job-3"}, None]
    assert not TaskRun.objects.exists()


def test_a_step_that_was_not_noted_is_done_again_without_harm(job: ScheduledTask) -> None:
    for days in (40, 41, 5):
        insert(job, days)
    assert sweep.runs(limits(), {"job": "job", "at": ago(42).isoformat()})[0] == 2
    assert sweep.runs(limits(), {"job": "job", "at": ago(42).isoformat()}) == (0, None)
    assert ages() == [5]


def test_a_place_in_a_job_that_is_gone_does_not_hide_the_next(job: ScheduledTask) -> None:
    insert(make_job("k"), 40)
    assert sweep.runs(limits(), {"job": "job", "at": ago(1).isoformat()}) == (1, None)


def test_logs_are_walked_through_in_the_order_that_they_were_written(
    job: ScheduledTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "ROWS_AT_ONCE", 3)
    log(insert(job, 40, State.RUNNING), 2)
    log(insert(job, 20), 3)
    log(insert(job, 10), 3)
    log(insert(job, 9), 3)
    ids = list(RunLog.objects.order_by("id").values_list("id", flat=True))
    assert sweep.logs(limits(), {}) == (1, {"id": ids[2]})
    assert sweep.logs(limits(), {"id": ids[2]}) == (2, {"id": ids[5]})
    assert sweep.logs(limits(), {"id": ids[5]}) == (0, None)  # all are young from here on


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL's plans")
def test_no_step_searches_the_table_of_runs(job: ScheduledTask) -> None:
    for number in range(20):
        made = make_job(f"job-{number}")
        at = ago(100)
        new = [
            runs.new_run(made, at + timedelta(hours=hour), now=at, state=State.SUCCESS, run_id=uuid.uuid4())
            for hour in range(1_000)
        ]
        runs.insert(new)
        RunLog.objects.bulk_create([RunLog(run=run, number=1, text="line\n") for run in new])
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    plans = {
        **plans_of(lambda: sweep.runs(limits(keep=100), {})),
        **plans_of(lambda: sweep.runs(limits(keep=100), {"job": "job-3", "at": ago(90).isoformat()})),
        **plans_of(lambda: sweep.runs(limits(success=Rule(30, 100, 14, is_own=True)), {"job": "job-4"})),
        **plans_of(lambda: sweep.logs(limits(), {})),
    }
    assert TaskRun.objects.count() < 20_000 > RunLog.objects.count()
    assert [query[:40] for query in plans if query.startswith("DELETE")]
    for query, plan in plans.items():
        if "scheduler_taskrun" in query or "scheduler_runlog" in query:
            assert "Index" in plan, plan
            assert "Seq Scan on scheduler_taskrun" not in plan, f"{query}\n{plan}"
            assert "Seq Scan on scheduler_runlog" not in plan, f"{query}\n{plan}"
    [hops] = {plan for query, plan in plans.items() if query.startswith("WITH") and "> ''" in query}
    assert hops.count("Index Only Scan") == 3, hops  # and one in the recursion, which EXPLAIN does not print


# -- rules -------------------------------------------------------------------------------------------------------------


def test_without_rows_the_settings_hold_for_every_state(settings: Any) -> None:
    settings.SCHEDULER = {"RETENTION_DAYS": 7, "RETENTION_RUNS": 5, "RETENTION_LOG_DAYS": 3}
    rules = retention.rules()
    assert list(rules) == ["", *TERMINAL]
    assert set(rules.values()) == {Rule(7, 5, 3, is_own=False)}


def test_a_rule_for_all_others_overrides_the_settings_and_one_for_a_state_overrides_that() -> None:
    retention.set_rule("", days=10, keep=20, log_days=5)
    retention.set_rule("failure", days=90)
    rules = retention.rules()
    assert rules[""] == Rule(10, 20, 5, is_own=True)
    assert rules["success"] == Rule(10, 20, 5, is_own=False)
    assert rules["failure"] == Rule(90, 20, 5, is_own=True)
    retention.set_rule("failure", keep=7)
    assert retention.rules()["failure"] == Rule(90, 7, 5, is_own=True)
    retention.drop_rule("")
    assert retention.rules()["success"] == Rule(30, 100, 14, is_own=False)
    retention.drop_rule("failure")
    assert not RetentionRule.objects.exists()


@pytest.mark.parametrize(
    ("state", "values", "field"),
    [
        ("failure", {"days": -1}, "days"),
        ("failure", {"days": 36_501}, "days"),
        ("failure", {"days": float("nan")}, "days"),
        ("failure", {"days": "7"}, "days"),
        ("failure", {"days": True}, "days"),
        ("failure", {"days": 5, "keep": -1}, "keep"),
        ("failure", {"keep": 1.5}, "keep"),
        ("failure", {"keep": 100_001}, "keep"),
        ("failure", {"log_days": float("inf")}, "log_days"),
        ("running", {"days": 5}, "state"),
        ("nonsense", {"days": 5}, "state"),
        (None, {"days": 5}, "state"),
    ],
)
def test_a_wrong_rule_is_refused_and_changes_nothing(state: Any, values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        retention.set_rule(state, **values)
    assert caught.value.field == field
    assert not RetentionRule.objects.exists()


def test_a_changed_rule_is_in_force_soon_also_where_a_scheduler_is_at_work() -> None:
    taken = chores.take(retention.RUNS)
    assert taken is not None
    retention.set_rule("", days=5)
    chores.put_back(taken, {"job": "m"}, pause=3_600)
    assert chores.due(retention.CHORES) == ["logs", "runs"]
    assert Chore.objects.get(name="runs").place == {}
