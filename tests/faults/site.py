"""One deployment under test: servers behind proxies, schedulers, workers, a ledger, and what must hold in the end."""

from __future__ import annotations

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.db import connection

from scheduler import add_job, clock
from scheduler.db import write_transaction
from scheduler.known_tasks import registered_tasks
from scheduler.models import LIVE, ScheduledTask, State, TaskRun
from tests.cluster import Cluster
from tests.faults import audit
from tests.faults.proxy import Proxy
from tests.programs import Program
from tests.servers import Postgres, Valkey
from tests.waiting import wait_for

WORK = "tests.app.fault_tasks.work"


@dataclass(frozen=True)
class Planned:
    """A job that the oracle knows: fires at `first` and every `period` seconds after it, up to `last`."""

    job_id: str
    first: datetime
    period: float
    last: datetime

    def instants(self) -> set[datetime]:
        """Return every instant at which it must fire, from arithmetic alone."""
        step, found, count = timedelta(seconds=self.period), set(), 0
        while (at := self.first + count * step) <= self.last:
            found.add(at)
            count += 1
        return found


@dataclass
class Report:
    """The figures of one scenario, for the table that the suite prints."""

    scenario: str
    faults: int = 0
    firings: int = 0
    lost: int = 0
    doubled: int = 0
    recovery: float = 0.0
    notes: list[str] = field(default_factory=list)


class Site:
    """Everything that a scenario kills, cuts and counts."""

    def __init__(self, folder: Path, postgres: Postgres | None, seed: int, *, broker_keeps: bool = False) -> None:
        self.folder, self.postgres, self.random = folder, postgres, random.Random(seed)
        self.valkey = Valkey(folder / "valkey", appendonly=broker_keeps)
        self.valkey.start()
        self.broker = Proxy(self.valkey.port)
        self.database = Proxy(postgres.port) if postgres is not None else None
        env = {"BROKER_URL": f"redis://127.0.0.1:{self.broker.port}/0"}
        if postgres is not None and self.database is not None:
            env["DATABASE_URL"] = postgres.url.replace(f":{postgres.port}/", f":{self.database.port}/")
        self.cluster = Cluster(folder / "processes", env=env)
        self.schedulers: list[Program] = []
        self.workers: list[Program] = []
        self.ledger = str(folder / "ledger")
        self.planned: list[Planned] = []
        self.report = Report("")

    # -- processes -----------------------------------------------------------------------------------------------------

    def start_schedulers(self, count: int = 1, **options: Any) -> list[Program]:
        """Start schedulers and wait for their first pass."""
        started = [self.cluster.scheduler(wait=False, **options) for _ in range(count)]
        for program in started:
            wait_for(lambda p=program: self.cluster._passed(p), what=f"{program} to pass", timeout=40)
        self.schedulers += started
        return started

    def start_workers(
        self, count: int = 1, *, concurrency: int = 2, queues: str = "default", **options: Any
    ) -> list[Program]:
        """Start prefork workers and wait until they are ready."""
        started = [self.cluster.worker(queues, concurrency=concurrency, wait=False, **options) for _ in range(count)]
        for program in started:
            wait_for(lambda p=program: self.cluster._ready(p), what=f"{program} to be ready", timeout=40)
        self.workers += started
        return started

    def kill(self, program: Program, *, group: bool = False) -> None:
        """SIGKILL a process, and forget it."""
        program.kill(group=group)
        for programs in (self.schedulers, self.workers):
            if program in programs:
                programs.remove(program)
        self.report.faults += 1

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def add_jobs(
        self,
        count: int,
        *,
        period: float = 1.0,
        seconds: float = 0.0,
        lasting: float = 10.0,
        begin: float = 3.0,
        prefix: str = "job",
        **options: Any,
    ) -> list[Planned]:
        """Add interval jobs whose firings the oracle knows: from `begin` seconds from now on, for `lasting` seconds."""
        options = {"overlap": "allow", "catch_up": "all", **options}
        registered_tasks()  # imports the task modules, which takes a while
        first = clock.now().replace(microsecond=0) + timedelta(seconds=begin)
        last = first + timedelta(seconds=lasting)
        added = []
        with write_transaction():
            for number in range(count):
                job_id = f"{prefix}-{number}"
                job = add_job(
                    WORK, "interval", id=job_id, seconds=period, start_date=first, end_date=last, timezone="UTC",
                    kwargs={"ledger": self.ledger, "seconds": seconds}, **options,
                )  # fmt: skip
                assert job.job.next_run_time == first, f"adding jobs took so long that {first} is over: begin later"
                added.append(Planned(job_id, first, period, last))
        self.planned += added
        return added

    def add_one_off(self, job_id: str, at: datetime) -> None:
        """Add a job that fires once."""
        add_job(WORK, "date", id=job_id, run_date=at, kwargs={"ledger": self.ledger}, overlap="allow")
        self.planned.append(Planned(job_id, at, 1.0, at))

    # -- what is there -------------------------------------------------------------------------------------------------

    def lines(self) -> list[list[str]]:
        """Return the ledger's lines, in words."""
        path = Path(self.ledger)
        return [line.split() for line in path.read_text().splitlines()] if path.exists() else []

    def live(self) -> int:
        """Return how many runs have not ended."""
        return TaskRun.objects.filter(state__in=LIVE).count()

    def fired(self, since: datetime) -> int:
        """Return how many runs have succeeded since."""
        return TaskRun.objects.filter(state=State.SUCCESS, finished_at__gte=since).count()

    def wait_until_fired(self, *, within: float, count: int = 1) -> float:
        """Wait until runs succeed again; return the seconds, and note them as the longest recovery (I6)."""
        since, started = clock.now(), time.monotonic()
        wait_for(lambda: self.fired(since) >= count, what="firing to resume", timeout=within)
        took = time.monotonic() - started
        self.report.recovery = max(self.report.recovery, took)
        return took

    def wait_for_the_end(self, *, timeout: float = 60) -> None:
        """Wait until every planned firing has a run and none is live (I2)."""
        wanted = max((plan.last for plan in self.planned), default=clock.now())
        wait_for(lambda: clock.now() > wanted, what="the last firing", timeout=timeout)
        of_ours = ScheduledTask.objects.filter(job_id__in=[plan.job_id for plan in self.planned])
        scheduled = of_ours.filter(job__next_run_time__isnull=False)
        wait_for(lambda: not scheduled.all().exists(), what="every job to have finished", timeout=timeout)
        wait_for(lambda: self.live() == 0, what=self._what_lives, timeout=timeout)

    def _what_lives(self) -> str:
        states = Counter(TaskRun.objects.filter(state__in=LIVE).values_list("state", flat=True))
        return f"all runs to end; live are {dict(states)}"

    # -- what must hold ------------------------------------------------------------------------------------------------

    def check(self, *, all_succeed: bool = True, max_instances: dict[str, int] | None = None) -> Report:
        """Check I1 to I5 and return the figures.

        :param all_succeed: whether nothing happened that may end a run otherwise
        :param max_instances: of the jobs whose overlap is limited
        """
        planned = {(plan.job_id, at) for plan in self.planned for at in plan.instants()}
        stored = Counter(
            TaskRun.objects.filter(job_id__in={plan.job_id for plan in self.planned}, requested_by="schedule")
            .values_list("job_id", "scheduled_at")
        )  # fmt: skip
        lost, doubled = planned - stored.keys(), {key for key, count in stored.items() if count > 1}
        self.report.firings, self.report.lost, self.report.doubled = len(planned), len(lost), len(doubled)
        assert not lost, f"I1: {len(lost)} of {len(planned)} firings have no run, e.g. {sorted(lost)[:3]}"
        assert not doubled, f"I1: {len(doubled)} firings have several runs"
        assert not stored.keys() - planned, f"I1: runs that nobody planned: {sorted(stored.keys() - planned)[:3]}"
        self._check_ends(all_succeed)
        recorded = audit.changes()
        self._check_bodies(recorded)
        wrong = audit.forbidden(recorded)
        assert not wrong, f"I4: {len(wrong)} forbidden transitions, e.g. {wrong[:3]}"
        most = audit.most_live(recorded)
        over = {job: (most[job], limit) for job, limit in (max_instances or {}).items() if most[job] > limit}
        assert not over, f"I5: more live runs than allowed: {over}"
        return self.report

    def _check_ends(self, all_succeed: bool) -> None:
        open_runs = TaskRun.objects.filter(state__in=LIVE)
        assert not open_runs.exists(), f"I2: {self._what_lives()}"
        silent = TaskRun.objects.exclude(state=State.SUCCESS).filter(reason="", exception="")
        assert not silent.exists(), f"I2: ended without a reason: {list(silent[:3])}"
        if all_succeed:
            states = Counter(TaskRun.objects.values_list("state", flat=True))
            reasons = list(TaskRun.objects.exclude(state=State.SUCCESS).values_list("reason", "exception")[:3])
            assert set(states) <= {State.SUCCESS}, f"I2: not all succeeded: {dict(states)}, e.g. {reasons}"

    def _check_bodies(self, recorded: list[audit.Change]) -> None:
        starts = Counter((words[1], words[2]) for words in self.lines() if words and words[0] == "start")
        again = {key: count for key, count in starts.items() if count > 1}
        assert not again, f"I3: attempts whose body started more than once: {again}"
        twice = {run: count for run, count in audit.accepted_ends(recorded).items() if count > 1}
        assert not twice, f"I3: runs that ended more than once: {twice}"
        # First the table, then the ledger: where jobs still fire, runs go on to end in both.
        succeeded = list(TaskRun.objects.filter(state=State.SUCCESS, task=WORK).values_list("id", flat=True))
        ended = {words[1] for words in self.lines() if words and words[0] == "end"}
        unfounded = [run for run in succeeded if str(run) not in ended]
        assert not unfounded, f"I3: runs that are said to have succeeded and never did: {unfounded[:3]}"

    # -- the end -------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End all processes and servers of this site."""
        self.broker.set("pass")
        if self.database is not None:
            self.database.set("pass")
        self.cluster.end()
        self.broker.close()
        if self.database is not None:
            self.database.close()
        self.valkey.resume()
        self.valkey.stop()
        connection.close()


def write_report(path: Path, reports: Iterable[Report]) -> None:
    """Write the figures as JSON, one object a scenario."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([report.__dict__ for report in reports], indent=1) + os.linesep)
