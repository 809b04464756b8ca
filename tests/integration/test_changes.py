"""Changes while the service runs, jobs that are wrong, and the page."""

from __future__ import annotations

import os
import pickle
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

from apscheduler.triggers.interval import IntervalTrigger
from django.contrib.auth.models import User
from django.db import connections, transaction
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import add_job, clock, modify_job, pause_job, remove_job, resume_job, run_job
from scheduler.lookup import get_job, state_of
from scheduler.models import LIVE, ScheduledTask, State, TaskRun
from tests.cluster import Cluster
from tests.integration.conftest import SLOTS
from tests.runs import runs_of, wait_for_end, wait_for_runs
from tests.waiting import stays_true, wait_for

TASKS = "tests.app.tasks."


def every_second(task: str, job_id: str, *args: object, **options: Any) -> None:
    add_job(TASKS + task, "interval", seconds=1, id=job_id, args=list(args), **options)


def test_a_60_s_job_does_not_delay_a_1_s_job_on_another_slot(service: Cluster) -> None:
    for number in range(SLOTS - 1):
        add_job(TASKS + "nap", "interval", hours=1, id=f"slot-{number}", args=[60])
        run_job(f"slot-{number}")
    wait_for(lambda: TaskRun.objects.filter(state=State.RUNNING).count() == SLOTS - 1, what="all slots but one")
    every_second("say_time", "ticks")
    for run in wait_for_runs("ticks", 5, state=State.SUCCESS):
        assert (run.finished_at - run.scheduled_at).total_seconds() < 1
    assert TaskRun.objects.filter(state=State.RUNNING).count() >= SLOTS - 1


def test_run_now_runs_beside_the_schedule_and_leaves_it_alone(service: Cluster) -> None:
    job = add_job(TASKS + "add", "interval", hours=1, id="calm", args=[1, 2])
    run = wait_for_end(run_job("calm", args=[3, 4], by="ann", note="to see"))
    assert (run.result, run.args, run.requested_by, run.note) == (7, [3, 4], "ann", "to see")
    assert get_job("calm").job.next_run_time == job.job.next_run_time


def test_run_now_waits_in_line_where_no_place_is_free(service: Cluster) -> None:
    add_job(TASKS + "nap", "interval", hours=1, id="busy", args=[1.5])
    first, second = run_job("busy"), run_job("busy")
    assert second.waiting
    first, second = wait_for_end(first), wait_for_end(second)
    assert (first.state, second.state) == (State.SUCCESS, State.SUCCESS)
    assert second.started_at >= first.finished_at


def test_clicks_at_the_same_instant_give_one_run(service: Cluster) -> None:
    add_job(TASKS + "add", "interval", hours=1, id="clicked", args=[1], overlap="allow")
    chosen, line = uuid.uuid4(), Barrier(6)

    def click(_: int) -> uuid.UUID:
        try:
            line.wait(timeout=10)
            return run_job("clicked", run_id=chosen).id
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as pool:
        assert set(pool.map(click, range(6))) == {chosen}
    assert [run.id for run in runs_of("clicked")] == [chosen]
    assert wait_for_end(TaskRun.objects.get(id=chosen)).state == State.SUCCESS


# -- changes -----------------------------------------------------------------------------------------------------------


def test_a_paused_job_does_not_fire_and_a_resumed_one_does(service: Cluster) -> None:
    every_second("add", "toggle", 1)
    wait_for_runs("toggle", state=State.SUCCESS)
    pause_job("toggle")
    wait_for(lambda: not TaskRun.objects.filter(job_id="toggle", state__in=LIVE).exists(), what="no live run")
    count = len(runs_of("toggle"))
    stays_true(lambda: len(runs_of("toggle")) == count, seconds=2, what="silence")
    assert state_of(get_job("toggle")) == "paused"
    resume_job("toggle")
    wait_for_runs("toggle", count + 1, timeout=3)


def test_a_removed_job_fires_no_more_and_keeps_its_history(service: Cluster) -> None:
    every_second("add", "gone", 1)
    wait_for_runs("gone", 2, state=State.SUCCESS)
    remove_job("gone")
    count = len(runs_of("gone"))
    stays_true(lambda: len(runs_of("gone")) == count, seconds=2, what="silence")
    assert count >= 2
    assert DjangoJobExecution.objects.filter(job_id="gone").count() == count


def test_a_change_is_in_force_within_a_second(service: Cluster) -> None:
    add_job(TASKS + "add", "interval", hours=1, id="changed", args=[1, 1])
    before = clock.now()
    modify_job("changed", trigger="interval", seconds=1, start_date=before, args=[5, 5])
    (run,) = wait_for_runs("changed", state=State.SUCCESS, timeout=4)[:1]
    assert run.result == 10
    assert (run.started_at - before).total_seconds() < 2.5


def test_a_new_job_is_seen_within_a_second(service: Cluster) -> None:
    due = clock.now()
    add_job(TASKS + "add", "date", run_date=due, id="soon", args=[1])
    (run,) = wait_for_runs("soon", state=State.SUCCESS)
    assert (run.created_at - due).total_seconds() < 1.2


def test_thousands_of_jobs_can_be_added_in_one_transaction(service: Cluster) -> None:
    with transaction.atomic():
        for number in range(200):
            add_job(TASKS + "add", "date", run_date=clock.now(), id=f"many-{number}", args=[number])
    wait_for(lambda: TaskRun.objects.filter(state=State.SUCCESS).count() == 200, what="200 runs", timeout=30)
    assert TaskRun.objects.count() == 200


# -- what is wrong with one job costs only that job --------------------------------------------------------------------


class Bomb:
    """Restoring it writes a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


def test_a_tampered_job_state_executes_nothing_and_deletes_nothing(service: Cluster, tmp_path: Path) -> None:
    trigger = IntervalTrigger(seconds=1)
    states = {
        "bomb": pickle.dumps({"trigger": Bomb(str(tmp_path / "boom")), "func": "scheduler.jobs:enqueue"}),
        "garbage": b"\x80\x05not a pickle",
        "foreign": pickle.dumps({"version": 1, "func": "os:system", "trigger": trigger}),
    }
    for job_id in states:
        every_second("add", job_id, 1)
    for job_id in states:
        wait_for_runs(job_id, state=State.SUCCESS)
    originals = {job_id: bytes(DjangoJob.objects.get(id=job_id).job_state) for job_id in states}
    for job_id, state in states.items():
        DjangoJob.objects.filter(id=job_id).update(job_state=state)
    for job_id in states:
        wait_for(lambda job_id=job_id: state_of(get_job(job_id)) == "broken", what=f"{job_id} to be set aside")
    counts = {job_id: len(runs_of(job_id)) for job_id in states}
    every_second("add", "healthy", 1)
    wait_for_runs("healthy", 2, state=State.SUCCESS)
    assert not (tmp_path / "boom").exists()
    for job_id, state in states.items():
        assert bytes(DjangoJob.objects.get(id=job_id).job_state) == state
        assert len(runs_of(job_id)) == counts[job_id] >= 1
        assert DjangoJobExecution.objects.filter(job_id=job_id).count() == counts[job_id]
        assert get_job(job_id).broken_reason
    for job_id, state in originals.items():
        DjangoJob.objects.filter(id=job_id).update(job_state=state)
    for job_id in states:
        wait_for_runs(job_id, counts[job_id] + 1, state=State.SUCCESS)
        assert state_of(get_job(job_id)) == "scheduled"


def test_a_job_that_another_program_stored_is_kept_and_shown_as_broken(service: Cluster) -> None:
    state = pickle.dumps({"version": 1, "func": "other:function", "trigger": IntervalTrigger(seconds=1)})
    DjangoJob.objects.create(id="foreign", next_run_time=clock.now(), job_state=state)
    wait_for(lambda: state_of(get_job("foreign")) == "broken", what="the job to be set aside")
    assert bytes(DjangoJob.objects.get(id="foreign").job_state) == state
    assert TaskRun.objects.filter(job_id="foreign").count() == 0


def test_a_job_whose_task_has_gone_is_broken_and_heals_when_it_is_back(service: Cluster) -> None:
    every_second("add", "homeless", 1)
    wait_for_runs("homeless", state=State.SUCCESS)
    ScheduledTask.objects.filter(job_id="homeless").update(task="tests.app.tasks.was_renamed")
    wait_for(lambda: state_of(get_job("homeless")) == "broken", what="the job to be set aside")
    assert "was_renamed" in get_job("homeless").broken_reason
    count = len(runs_of("homeless"))
    ScheduledTask.objects.filter(job_id="homeless").update(task=TASKS + "add")
    wait_for_runs("homeless", count + 1, state=State.SUCCESS)
    assert state_of(get_job("homeless")) == "scheduled"


# -- plain django-apscheduler code and the page ------------------------------------------------------------------------


def test_the_page_shows_what_runs_now_and_how_long_each_run_took(service: Cluster, client: Any) -> None:
    User.objects.filter(username="root").delete()
    client.force_login(User.objects.create_superuser("root", "", "pw"))
    add_job(TASKS + "nap", "date", run_date=clock.now(), id="has-ended", args=[1.2])
    wait_for_runs("has-ended", state=State.SUCCESS)
    add_job(TASKS + "nap", "date", run_date=clock.now(), id="runs-now", args=[60])
    wait_for_runs("runs-now", state=State.RUNNING)
    page = client.get("/admin/scheduler/taskrun/", {"state": "running"}).content.decode()
    assert "runs-now" in page
    assert "has-ended" not in page
    page = client.get("/admin/scheduler/taskrun/", {"state": "success"}).content.decode()
    assert "has-ended" in page
    assert "1.2" in page or "1.3" in page
    User.objects.filter(username="root").delete()
