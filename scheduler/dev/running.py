"""What `manage.py dev` does: prepares the data folder and the database, starts the processes, waits, stops them."""

from __future__ import annotations

import http.client
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

from celery import current_app
from django.conf import settings
from django.core.management import call_command

from . import broker
from .login import ensure_login
from .obstacles import CannotRun, check_folder, check_port, only_one
from .processes import Child, Processes

START_SECONDS = 60.0
TASK_SECONDS = 4.0
"""What running tasks get after Ctrl-C before they are broken off."""
NOISE = {"broker": "Reading config from stdin", "worker": "Hitting Ctrl+C again"}
"""Lines that mislead here: the configuration is meant to come so, and Ctrl-C is ours to act upon."""
# A trial in a container or on a fresh machine is often run by root; Celery says eight lines about it.
QUIET_ROOT = {"PYTHONWARNINGS": "ignore:You're running the worker with superuser"}


def prepare() -> str:
    """Bring the database up to date and make the first login; return the line about the login."""
    call_command("migrate", interactive=False, verbosity=0)
    return ensure_login()


def run(port: int) -> int:
    """Run everything until Ctrl-C, SIGTERM or the end of a child.

    :param port: of the web server, on 127.0.0.1
    :returns: 0 if it was asked to stop, 1 if a child ended by itself, 2 if something is in the way; a line says what
    """
    try:
        return _run_here(port)
    except CannotRun as error:
        sys.stderr.write(f"Error: {error}\n")
        return 2


def _run_here(port: int) -> int:
    base = Path(settings.BASE_DIR)
    var = Path(getattr(settings, "VAR_DIR", base / "var"))
    check_folder(var)
    with only_one(var, port):
        check_port(port)
        login = prepare()
        with stop_requested() as asked:
            processes = Processes(hurry=lambda: len(asked) > 1)
            try:
                return _run(processes, base, var, port, login, asked)
            finally:
                _stop(processes)
                processes.close()


def _run(processes: Processes, base: Path, var: Path, port: int, login: str, asked: list[int]) -> int:
    broker_file = getattr(settings, "EMBEDDED_BROKER_FILE", None)
    if broker_file is not None:
        _start_broker(processes, Path(broker_file), var)
    for name, command, env in commands(port):
        processes.start(name, command, env=env, cwd=base, hidden=NOISE.get(name))
    if processes.wait_until(lambda: bool(asked) or web_answers(port), START_SECONDS) and not asked:
        processes.say("")
        processes.say(f"Tickwork is ready: http://127.0.0.1:{port}/admin/")
        processes.say(login)
        processes.say("Ctrl-C stops everything; the data stay in " + str(var))
        processes.say("")
    while not asked:
        processes.listen(0.25)
        dead = processes.first_dead()
        if dead is not None and not asked:
            processes.listen(0)
            processes.say(f"{dead.name} has ended ({_how(dead)}), so everything stops; its last lines say why")
            return 1
    return 0


def commands(port: int) -> list[tuple[str, list[str], dict[str, str]]]:
    """Return name, command and extra environment of each process."""
    module, _, name = settings.WSGI_APPLICATION.rpartition(".")
    slots = min(4, max(2, os.cpu_count() or 2))
    web = f"gunicorn {module}:{name} --bind 127.0.0.1:{port} --threads 4 --graceful-timeout 3 --no-control-socket"
    worker = f"celery -A {current_app.main} --quiet worker -Q default,long -c {slots} -l INFO -n worker@%h"
    return [
        (
            "web",
            [sys.executable, "-m", *web.split(), "--log-level", "warning"],
            {"DEBUG": os.environ.get("DEBUG", "1")},
        ),
        ("scheduler", [sys.executable, str(Path(sys.argv[0]).resolve()), "runscheduler"], {}),
        ("worker", [sys.executable, "-m", *worker.split(), "--without-gossip", "--without-mingle"], QUIET_ROOT),
    ]


@contextmanager
def stop_requested() -> Iterator[list[int]]:
    """Collect SIGINT, SIGTERM and SIGHUP in a list instead of being ended by them."""
    asked: list[int] = []

    def remember(number: int, frame: FrameType | None) -> None:
        asked.append(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, remember) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def web_answers(port: int) -> bool:
    """Return whether the login page is there."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", "/admin/login/")
        return connection.getresponse().status < 500
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _start_broker(processes: Processes, file: Path, var: Path) -> None:
    folder = var / "broker"
    folder.mkdir(exist_ok=True)
    try:
        command, url = broker.command(), broker.free_address(file)
    except broker.NoServer as error:
        raise CannotRun(str(error)) from None
    processes.start("broker", command, cwd=folder, stdin=broker.configuration(url, folder), hidden=NOISE["broker"])
    if not processes.wait_until(lambda: broker.answers(url), START_SECONDS):
        processes.listen(0)
        raise CannotRun(f"The embedded broker did not start; {folder / 'valkey.log'} says why.")


def _stop(processes: Processes) -> None:
    """First those that use the broker, then the broker. A second Ctrl-C kills at once."""
    if not processes.children:
        return
    processes.say(f"stopping; running tasks get {TASK_SECONDS:g} s to end (Ctrl-C again kills everything at once) …")
    users = [child for child in processes.children if child.name != "broker"]
    # Celery waits for running tasks after SIGTERM and breaks them off after SIGQUIT.
    processes.stop(users, grace=TASK_SECONDS, then=signal.SIGQUIT, more=2.5, why=_broken_off)
    processes.stop(processes.children, grace=2.0)
    processes.say("stopped")


def _broken_off(late: Sequence[Child]) -> str:
    if not any(child.name == "worker" for child in late):
        return ""
    return (
        "tasks that still run are broken off; at the next start their runs end as lost, or run again if on_lost says so"
    )


def _how(child: Child) -> str:
    code = child.exit_code or 0
    if code < 0:
        with suppress(ValueError):
            return f"by signal {signal.Signals(-code).name}"
    return f"exit code {code}"
