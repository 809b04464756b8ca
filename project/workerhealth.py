"""`python -m project.workerhealth`: whether this machine's Celery worker is alive, for a container's health check.

Asks the database for the worker's heartbeat, because Celery's own ping goes over the broker to every worker.
"""

from __future__ import annotations

import os
import socket
import sys

import django


def is_alive() -> bool:
    """Return whether a worker on this host has said lately that it lives."""
    from scheduler.processes import alive

    return alive("worker").filter(host=socket.gethostname()).exists()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    django.setup()
    if not is_alive():
        sys.exit("No worker of this host has a fresh heartbeat in the database.")
