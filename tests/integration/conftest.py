"""Fixtures of the integration tests: a shared service for most, processes of their own for those that hurt them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import clock, runs
from scheduler.exceptions import SchedulerError
from scheduler.models import LIVE, ScheduledTask, ServiceProcess, State, TaskRun
from tests.cluster import Cluster
from tests.conftest import _valkey
from tests.ledger import Ledger
from tests.servers import Valkey
from tests.waiting import wait_for

SLOTS = 8
clusters: list[Cluster] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/integration/" in item.nodeid:
            item.add_marker("integration")


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show a failed test what its processes printed."""
    outcome: Any = yield
    report = outcome.get_result()
    if report.failed:
        for cluster in clusters:
            report.sections.append(("Processes", cluster.logs()))


@pytest.fixture(scope="session")
def broker(django_db_setup: None) -> Valkey:
    _valkey.start()
    return _valkey


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """The test database without a transaction around the test, for other processes to see. Emptied afterwards.

    Rows are deleted and not truncated: processes of the module may be at work, whom a table lock could deadlock with.
    """
    with django_db_blocker.unblock():
        empty()
        yield
        empty()


def empty() -> None:
    """Take every job off the schedule, wait until no task runs, and delete all rows."""
    DjangoJob.objects.update(next_run_time=None)
    ScheduledTask.objects.update(run_at_start=False, removed_at=clock.now())
    TaskRun.objects.filter(state__in=LIVE, waiting=True).delete()
    for run_id in TaskRun.objects.filter(state__in=LIVE).values_list("id", flat=True):
        with suppress(SchedulerError):
            runs.cancel(run_id, reason="The test is over")
    wait_for(_nothing_runs, what="running tasks to end", timeout=20)
    TaskRun.objects.all().delete()
    DjangoJobExecution.objects.all().delete()
    ScheduledTask.objects.all().delete()
    DjangoJob.objects.all().delete()
    ServiceProcess.objects.exclude(stopped_at=None).delete()


def _nothing_runs() -> bool:
    """Whether no live worker is in a task's body; what dead ones have left behind does not count."""
    alive = ServiceProcess.objects.filter(kind="worker", stopped_at=None)
    busy = TaskRun.objects.filter(state=State.RUNNING, process__in=alive.values("id"))
    return not busy.exists() or not any(p.is_running for c in clusters for p in c.programs if "worker" in p.name)


@pytest.fixture
def cluster(database: None, broker: Valkey, tmp_path: Path) -> Iterator[Cluster]:
    """Processes of the test's own; ended before the database is emptied."""
    cluster = Cluster(tmp_path / "processes")
    clusters.append(cluster)
    yield cluster
    cluster.end()
    clusters.remove(cluster)


@pytest.fixture(scope="package")
def shared(
    django_db_setup: None, django_db_blocker: Any, broker: Valkey, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """One scheduler and one worker of eight slots for all tests here that don't hurt them."""
    cluster = Cluster(tmp_path_factory.mktemp("shared"))
    clusters.append(cluster)
    try:
        with django_db_blocker.unblock():
            worker = cluster.worker("default", concurrency=SLOTS, wait=False)
            cluster.scheduler()
            wait_for(lambda: cluster._ready(worker), what="the worker to be ready", timeout=30)
        yield cluster
    finally:
        cluster.end()
        clusters.remove(cluster)


@pytest.fixture
def service(shared: Cluster, database: None) -> Cluster:
    """The shared scheduler and worker, over an empty database."""
    return shared


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A file for tasks to write lines into: `str(ledger)` is its path, `ledger()` its lines."""
    return Ledger(tmp_path / "ledger")
