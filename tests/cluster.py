"""Real scheduler and worker processes over the test database and broker, and what they print."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.programs import Program
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent


class Cluster:
    """Processes of one test or one module. `end` ends them all, whatever became of them."""

    def __init__(self, folder: Path, env: dict[str, str] | None = None) -> None:
        self.folder, self.env = folder, env or {}
        self.programs: list[Program] = []

    def scheduler(self, *arguments: str, wait: bool = True, sync: bool = False, **options: Any) -> Program:
        """Start `manage.py runscheduler`. Declared jobs are not synced unless asked for: the examples would fire.

        :param wait: whether to wait until it has done a pass
        :param options: keys of `SCHEDULER` that this process sees otherwise
        """
        more = () if sync else ("--no-sync",)
        program = self.start("scheduler", ["manage.py", "runscheduler", *more, *arguments], options)
        if wait:
            wait_for(lambda: self._passed(program), what=f"{program} to pass", timeout=30)
        return program

    def worker(
        self,
        queues: str = "default",
        *,
        concurrency: int = 2,
        wait: bool = True,
        more: Sequence[str] = (),
        **options: Any,
    ) -> Program:
        """Start `celery worker` with a prefork pool."""
        name = f"{queues.replace(',', '-')}-{len(self.programs)}@test"
        command = ["-m", "celery", "-A", "project", "worker", "-P", "prefork", "-c", str(concurrency), "-Q", queues,
                   "-n", name, "-l", "INFO", "--without-gossip", "--without-mingle", *more]  # fmt: skip
        program = self.start("worker", command, options)
        if wait:
            wait_for(lambda: self._ready(program), what=f"{program} to be ready", timeout=30)
        return program

    def start(self, name: str, arguments: Sequence[str], options: dict[str, Any] | None = None) -> Program:
        """Start any Python program of the project."""
        env = {**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", **self.env}
        if options:
            env["TEST_SCHEDULER"] = json.dumps(options)
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{name}-{len(self.programs) + 1}"
        program = Program([sys.executable, *arguments], name=name, log=self.folder / f"{name}.log", env=env, cwd=ROOT)
        self.programs.append(program)
        return program

    def manage(self, *arguments: str, timeout: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
        """Run `manage.py` with these arguments to its end."""
        return subprocess.run(
            [sys.executable, "manage.py", *arguments], cwd=ROOT, capture_output=True, text=True, timeout=timeout,
            env={**os.environ, **env}, check=False,
        )  # fmt: skip

    def end(self) -> None:
        """End all processes, by force where they don't end by themselves."""
        for program in self.programs:
            program.signal(program.end_with)
        for program in self.programs:
            program.end()

    def logs(self, lines: int = 60) -> str:
        """Return the ends of all logs."""
        parts = []
        for program in self.programs:
            tail = program.output.splitlines()[-lines:]
            parts.append("\n".join([f"--- {program}, exit code {program.process.poll()}", *tail]))
        return "\n".join(parts)

    def _ready(self, program: Program) -> bool:
        assert program.is_running, f"{program} has ended:\n{program.output[-2000:]}"
        from scheduler.models import ServiceProcess

        return ServiceProcess.objects.filter(pid=program.pid, stopped_at=None).exists()

    def _passed(self, program: Program) -> bool:
        assert program.is_running, f"{program} has ended:\n{program.output[-2000:]}"
        from scheduler.models import ServiceProcess

        return ServiceProcess.objects.filter(pid=program.pid, stopped_at=None, last_pass_at__isnull=False).exists()
