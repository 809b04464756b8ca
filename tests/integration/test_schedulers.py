"""Several schedulers at once, their start and their end, and what is left when they, workers or the broker die."""

from __future__ import annotations

import itertools
import signal
import time
from collections import Counter
from datetime import timedelta

from scheduler import add_job, clock, run_job
from scheduler.lookup import get_job
from scheduler.models import ServiceProcess, State, TaskRun
from tests.cluster import Cluster
from tests.ledger import Ledger
from tests.runs import execution_of, runs_of, wait_for_end, wait_for_runs
from tests.servers import Valkey
from tests.unit.admin.pages import make_run
from tests.waiting import stays_true, wait_for

TASKS = "tests.app.tasks."


def test_with_two_schedulers_each_firing_happens_once(cluster: Cluster, ledger: Ledger) -> None:
    for number in range(10):
        add_job(TASKS + "say_time", "interval", seconds=1, id=f"job-{number}", args=[str(ledger)])
    worker = cluster.worker(wait=False)
    schedulers = [cluster.scheduler(wait=False), cluster.scheduler(wait=False)]
    for number in range(10):
        wait_for_runs(f"job-{number}", 5, state=State.SUCCESS, timeout=30)
    for scheduler in schedulers:
        assert scheduler.terminate() == 0
    wait_for(lambda: not TaskRun.objects.filter(state__in=["pending", "queued", "running"]).exists(), what="all ends")
    assert worker.is_running
    firings = Counter(TaskRun.objects.exclude(state=State.MISSED).values_list("job_id", "scheduled_at"))
    assert set(firings.values()) == {1}
    assert len(ledger()) == TaskRun.objects.filter(state=State.SUCCESS).count()
    for number in range(10):
        runs = runs_of(f"job-{number}")
        steps = {(b.scheduled_at - a.scheduled_at).total_seconds() for a, b in itertools.pairwise(runs)}
        assert steps == {1.0}, "a firing is missing"


def test_run_at_start_runs_once_per_service_start_and_not_per_process(cluster: Cluster) -> None:
    add_job(TASKS + "add", "interval", hours=1, id="first", args=[1], run_at_start=True, queue="nobody")
    first = [cluster.scheduler(wait=False), cluster.scheduler(wait=False)]
    for scheduler in first:
        wait_for(lambda s=scheduler: cluster._passed(s), what=f"{scheduler} to pass", timeout=30)
    assert [run.requested_by for run in runs_of("first")] == ["start"]
    third = cluster.scheduler()
    assert len(runs_of("first")) == 1
    for scheduler in [*first, third]:
        assert scheduler.terminate() == 0
    cluster.scheduler()
    assert len(runs_of("first")) == 2


def test_a_run_that_is_due_after_one_that_was_left_does_not_wait_for_the_next_poll(cluster: Cluster) -> None:
    due = clock.now() + timedelta(seconds=6)
    left = make_run("a", State.PENDING, queue="nobody", publish_at=clock.now())
    soon = make_run("a", State.PENDING, queue="nobody", publish_at=due)
    cluster.scheduler(POLL_INTERVAL=10.0)
    sent = TaskRun.objects.filter(state=State.QUEUED)
    wait_for(lambda: sent.filter(id=left.id).exists(), what="what was left to be sent")
    patience = (due - clock.now()).total_seconds() + 3
    wait_for(lambda: sent.filter(id=soon.id).exists(), what="the next one to be sent", timeout=patience)


def test_sigterm_ends_a_scheduler_in_time_with_nothing_lost(cluster: Cluster, valkey: Valkey) -> None:
    add_job(TASKS + "add", "interval", seconds=1, id="ticks", args=[1])
    scheduler = cluster.scheduler()
    wait_for_runs("ticks")
    began = time.monotonic()
    assert scheduler.terminate() == 0
    assert time.monotonic() - began < 5
    assert ServiceProcess.objects.get(pid=scheduler.pid).stopped_at is not None
    # With the broker gone there is more to wait for, and no more time.
    scheduler = cluster.scheduler()
    valkey.pause()
    wait_for_runs("ticks", len(runs_of("ticks")) + 1)
    began = time.monotonic()
    scheduler.terminate()
    assert time.monotonic() - began < 5
    valkey.resume()
    cluster.scheduler()
    cluster.worker()
    wait_for(
        lambda: not TaskRun.objects.exclude(state__in=["success", "missed", "skipped"]).filter(
            scheduled_at__lt=clock.now() - timedelta(seconds=3)
        ),
        what="every firing to end",
        timeout=30,
    )  # fmt: skip


def test_sigint_ends_a_scheduler_as_well(cluster: Cluster) -> None:
    scheduler = cluster.scheduler()
    scheduler.signal(signal.SIGINT)
    assert scheduler.wait(5) == 0


def test_a_scheduler_killed_between_commit_and_publish_loses_nothing(
    cluster: Cluster, valkey: Valkey, ledger: Ledger
) -> None:
    cluster.worker()
    scheduler = cluster.scheduler()
    valkey.pause()
    add_job(TASKS + "say_time", "date", run_date=clock.now(), id="caught", args=[str(ledger)])
    (run,) = wait_for_runs("caught")
    assert run.state == State.PENDING
    scheduler.kill()
    valkey.resume()
    stays_true(lambda: TaskRun.objects.get(id=run.id).state == State.PENDING, seconds=1, what="the run pending")
    cluster.scheduler()
    assert wait_for_end(run).state == State.SUCCESS
    assert len(ledger()) == 1


def test_stopping_the_broker_for_20_s_loses_no_firing(cluster: Cluster, valkey: Valkey, ledger: Ledger) -> None:
    cluster.worker()
    cluster.scheduler()
    add_job(TASKS + "say_time", "interval", seconds=2, id="ticks", args=[str(ledger)], catch_up="all", overlap="allow")
    wait_for_runs("ticks", 2, state=State.SUCCESS)
    valkey.stop()
    stopped = clock.now()
    wait_for(lambda: clock.now() - stopped > timedelta(seconds=20), what="20 s", timeout=25)
    during = runs_of("ticks", scheduled_at__gt=stopped)
    assert len(during) >= 9
    valkey.start()
    for run in during:
        assert wait_for_end(run, timeout=30).state == State.SUCCESS
    assert not TaskRun.objects.filter(state__in=[State.MISSED, State.SKIPPED, State.LOST])
    assert len(ledger()) >= len(during) + 2


def test_messages_that_the_broker_forgot_are_sent_again(cluster: Cluster, valkey: Valkey, ledger: Ledger) -> None:
    cluster.scheduler()
    add_job(TASKS + "say_time", "date", run_date=clock.now(), id="forgotten", args=[str(ledger)], queue="flushed")
    (run,) = wait_for_runs("forgotten", state=State.QUEUED)
    with valkey.client() as client:
        client.flushall()
    cluster.worker("flushed")
    assert wait_for_end(run, timeout=20).state == State.SUCCESS
    assert len(ledger()) == 1


def test_a_killed_worker_is_noticed_and_its_runs_are_lost_or_run_again(cluster: Cluster) -> None:
    cluster.scheduler()
    doomed = cluster.worker("doomed", concurrency=2)
    for job_id, on_lost in (("lost", "fail"), ("again", "retry")):
        add_job(TASKS + "nap", "interval", hours=1, id=job_id, args=[6], queue="doomed", on_lost=on_lost)
    lost, again = run_job("lost"), run_job("again")
    for job_id in ("lost", "again"):
        wait_for_runs(job_id, state=State.RUNNING)
    doomed.kill(group=True)
    cluster.worker("doomed")
    lost = wait_for_end(lost, timeout=30)
    assert lost.state == State.LOST
    assert "died" in lost.reason
    assert execution_of(lost).status == "Error!"
    again = wait_for_end(again, timeout=30)
    assert (again.state, again.attempt) == (State.SUCCESS, 2)


def test_a_worker_that_is_told_to_stop_finishes_its_task(cluster: Cluster) -> None:
    cluster.scheduler()
    worker = cluster.worker()
    add_job(TASKS + "nap", "interval", hours=1, id="nap", args=[2])
    run = run_job("nap")
    wait_for_runs("nap", state=State.RUNNING)
    worker.terminate(timeout=20)
    run.refresh_from_db()
    assert run.state == State.SUCCESS
    assert ServiceProcess.objects.get(pid=worker.pid).stopped_at is not None


def test_jobs_declared_in_code_are_stored_when_a_scheduler_starts(cluster: Cluster) -> None:
    two = [cluster.scheduler(wait=False, sync=True), cluster.scheduler(wait=False, sync=True)]
    for scheduler in two:
        wait_for(lambda s=scheduler: cluster._passed(s), what=f"{scheduler} to pass", timeout=30)
        assert "Traceback" not in scheduler.output
    assert get_job("print-time").source == "code"


# -- schedulers inside other processes ---------------------------------------------------------------------------------


def test_the_articles_blocking_scheduler_blocks(cluster: Cluster, ledger: Ledger) -> None:
    cluster.worker()
    program = cluster.start("article", ["-m", "tests.app.article", "blocking", str(ledger)])
    wait_for(lambda: len(ledger()) >= 3, what="three lines of the article's job", timeout=30)
    assert program.is_running
    assert "before start" in program.output
    assert "after start" not in program.output
    wait_for_runs("article", 3, state=State.SUCCESS)


def test_the_articles_background_scheduler_does_not_block(cluster: Cluster, ledger: Ledger) -> None:
    cluster.worker()
    program = cluster.start("article", ["-m", "tests.app.article", "background", str(ledger)])
    wait_for(lambda: "after start" in program.output, what="start() to return", timeout=20)
    wait_for(lambda: len(ledger()) >= 3, what="three lines of the article's job", timeout=30)
    assert program.wait(15) == 0
    assert "after shutdown" in program.output


def test_the_scheduler_embedded_in_two_web_processes_fires_each_firing_once(cluster: Cluster, ledger: Ledger) -> None:
    from tests.programs import free_port
    from tests.servers import is_listening

    port = free_port()
    cluster.worker(wait=False)
    web = cluster.start(
        "web",
        ["-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2", "--graceful-timeout", "3"],
        {"EMBEDDED": True},
    )
    wait_for(lambda: is_listening(port), what="the web server", timeout=30)
    wait_for(
        lambda: (
            ServiceProcess.objects.filter(kind="scheduler", stopped_at=None, last_pass_at__isnull=False).count() == 2
        ),
        what="two schedulers",
        timeout=30,
    )
    from scheduler import remove_job
    from scheduler.models import ScheduledTask

    for job_id in ScheduledTask.objects.values_list("job_id", flat=True):
        remove_job(job_id)
    add_job(TASKS + "say_time", "interval", seconds=1, id="embedded", args=[str(ledger)])
    wait_for_runs("embedded", 4, state=State.SUCCESS, timeout=20)
    web.terminate(timeout=10)
    wait_for(
        lambda: not TaskRun.objects.filter(job_id="embedded", state__in=["pending", "queued", "running"]), what="ends"
    )
    runs = runs_of("embedded")
    assert len({run.scheduled_at for run in runs}) == len(runs)
    assert len(ledger()) == len(runs_of("embedded", state=State.SUCCESS))
