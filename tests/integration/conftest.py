"""Fixtures of the integration tests: a shared service for most, processes of their own for those that hurt them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler import clock, runs
from scheduler.exceptions import SchedulerError
from scheduler.models import (
    LIVE,
    BulkAction,
    Chore,
    HourTally,
    RetentionRule,
    ScheduledTask,
    ServiceProcess,
    State,
    TaskRun,
)  # fmt: skip
from tests.cluster import Cluster
from tests.conftest import _valkey
from tests.ledger import Ledger
from tests.servers import Valkey
from tests.waiting import wait_for

SLOTS = 8
clusters: list[Cluster] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests, and put those first that want to be alone with their processes: the shared service lasts."""
    ours = [item for item in items if "tests/integration/" in item.nodeid]
    for item in ours:
        item.add_marker("integration")
    ordered = iter(sorted(ours, key=lambda item: "shared" in getattr(item, "fixturenames", ())))
    items[:] = [next(ordered) if "tests/integration/" in item.nodeid else item for item in items]


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
    for model in (BulkAction, Chore, HourTally, RetentionRule):
        model.objects.all().delete()


def _nothing_runs() -> bool:
    """Whether no live worker is in a task's body; what dead ones have left behind does not count."""
    alive = ServiceProcess.objects.filter(kind="worker", stopped_at=None)
    busy = TaskRun.objects.filter(state=State.RUNNING, process__in=alive.values("id"))
    return not busy.exists() or not any(p.is_running for c in clusters for p in c.programs if "worker" in p.name)


class Shared:
    """One scheduler and one worker of eight slots for all tests that don't hurt them; started when one asks."""

    def __init__(self, make_folder: Callable[[str], Path]) -> None:
        self.make_folder = make_folder
        self.cluster: Cluster | None = None

    def start(self) -> Cluster:
        """Start them, unless they run."""
        if self.cluster is None:
            self.cluster = Cluster(self.make_folder("shared"))
            clusters.append(self.cluster)
            worker = self.cluster.worker("default", concurrency=SLOTS, wait=False)
            self.cluster.scheduler()
            wait_for(lambda: self.cluster and self.cluster._ready(worker), what="the worker to be ready", timeout=30)
        return self.cluster

    def stop(self) -> None:
        """End them: another test wants to be alone with processes of its own."""
        cluster, self.cluster = self.cluster, None
        if cluster is not None:
            cluster.end()
            clusters.remove(cluster)


@pytest.fixture(scope="package")
def sharing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared]:
    sharing = Shared(tmp_path_factory.mktemp)
    yield sharing
    sharing.stop()


@pytest.fixture(scope="module")
def shared(django_db_setup: None, django_db_blocker: Any, broker: Valkey, sharing: Shared) -> Cluster:
    """The shared processes. They run on for the next module; a test with a `cluster` of its own ends them."""
    with django_db_blocker.unblock():
        return sharing.start()


@pytest.fixture
def alone(sharing: Shared) -> None:
    """No shared processes, which would fire and run what the test's own are meant to."""
    sharing.stop()


@pytest.fixture
def cluster(alone: None, database: None, broker: Valkey, tmp_path: Path) -> Iterator[Cluster]:
    """Processes of the test's own; ended before the database is emptied."""
    cluster = Cluster(tmp_path / "processes")
    clusters.append(cluster)
    yield cluster
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
