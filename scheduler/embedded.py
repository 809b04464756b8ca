"""A scheduler inside the web process, for the smallest deployments (`SCHEDULER = {"EMBEDDED": True}`); web process.

Each web worker runs one; they share the firings as separate scheduler processes do. It does nothing in other
processes: a migration, a shell or a Celery worker must not fire jobs.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.signals import request_started

logger = logging.getLogger(__name__)

SERVERS = ("gunicorn", "uvicorn", "daphne", "hypercorn", "granian", "waitress-serve", "uwsgi", "mod_wsgi")
_started_in: int | None = None
_lock = threading.Lock()


def install() -> None:
    """Start the scheduler with a web server that is known, and else with the first request, whoever serves it."""
    request_started.connect(_on_request, dispatch_uid="tickwork-embedded")
    if is_web_process(sys.argv, os.environ):
        start()


def is_web_process(argv: list[str], environment: Any) -> bool:
    """Tell whether a command line is that of a web server, and not that of the watcher which restarts one."""
    program = Path(argv[0]).name if argv else ""
    if "runserver" in argv[1:2]:
        return "--noreload" in argv or environment.get("RUN_MAIN") == "true"
    return program.startswith(SERVERS) or any(f"/{server}/" in argv[0] for server in SERVERS)


def _on_request(**_: Any) -> None:
    start()


def start() -> None:
    """Start the scheduler of this process, once; a forked process starts its own."""
    global _started_in
    with _lock:
        if _started_in == os.getpid():
            return
        _started_in = os.getpid()
    request_started.disconnect(dispatch_uid="tickwork-embedded")
    threading.Thread(target=_run, name="tickwork-embedded", daemon=True).start()


def _run() -> None:
    apps.ready_event.wait()
    from .engine.process import sync_when_possible
    from .engine.schedulers import BackgroundScheduler

    try:
        sync_when_possible(threading.Event())
        scheduler = BackgroundScheduler()
        scheduler.start()
        atexit.register(scheduler.shutdown, wait=False)
        logger.info("Scheduler runs inside this web process")
    except Exception:
        logger.exception("The embedded scheduler could not start")
