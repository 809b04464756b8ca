"""Fixtures of the fault suite. FAULT_SEED=N repeats a run, FAULT_SCALE=0.1 shortens it."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler.models import ScheduledTask, ServiceProcess, TaskRun
from tests.conftest import DATABASE, _postgres
from tests.faults import audit
from tests.faults.site import Report, Site, write_report

SEED = int(os.environ.get("FAULT_SEED") or random.SystemRandom().randrange(10**6))
SCALE = float(os.environ.get("FAULT_SCALE") or 1.0)
"""1 is the whole suite's size; the short selection that CI runs takes a tenth."""
REPORT = Path(os.environ.get("FAULT_REPORT") or "var/faults.json")
reports: list[Report] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/faults/" in item.nodeid:
            item.add_marker("faults")


def pytest_report_header(config: pytest.Config) -> str:
    return f"faults: seed {SEED}, database {DATABASE}"


@pytest.fixture
def database(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """An empty database that other processes see, with the audit table in it."""
    with django_db_blocker.unblock():
        _empty()
        audit.install()
        yield
        audit.remove()
        _empty()


def _empty() -> None:
    for model in (TaskRun, DjangoJobExecution, ScheduledTask, DjangoJob, ServiceProcess):
        model.objects.all().delete()


@pytest.fixture
def make_site(database: None, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Site]]:
    """Make sites that are closed when the test ends; a failed one prints what its processes said."""
    made: list[Site] = []
    if _postgres is not None:
        _postgres.start()

    def make(**options: Any) -> Site:
        folder = tmp_path / f"site-{len(made)}"
        folder.mkdir()
        print(f"seed {SEED}")
        site = Site(folder, _postgres, SEED, **options)
        site.report = Report(f"{request.node.name} ({DATABASE})")
        made.append(site)
        return site

    yield make
    for site in made:
        if getattr(request.node, "failed", False):
            print(site.cluster.logs())
        site.close()
        reports.append(site.report)


@pytest.fixture
def site(make_site: Callable[..., Site]) -> Site:
    """One site with a broker that keeps nothing over a restart."""
    return make_site()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    outcome: Any = yield
    if outcome.get_result().failed:
        item.failed = True


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the figures of every scenario, and keep them."""
    if not reports:
        return
    terminalreporter.section("faults")
    terminalreporter.line(f"seed {SEED}   {'scenario':<66} faults firings lost doubled recovery")
    for report in reports:
        terminalreporter.line(
            f"{report.scenario:<79} {report.faults:>6} {report.firings:>7} {report.lost:>4} {report.doubled:>7}"
            f" {report.recovery:>7.1f} s  {'; '.join(report.notes)}"
        )
    write_report(REPORT, reports)
