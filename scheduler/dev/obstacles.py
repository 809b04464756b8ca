"""What may be in the way of `manage.py dev`: a folder that can't be written, a taken port, another one at work."""

from __future__ import annotations

import fcntl
import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LOCK_FILE = "dev.lock"


class CannotRun(Exception):
    """Something on this machine is in the way; the message says what, and what to do."""


def check_folder(folder: Path) -> None:
    """Make the data folder.

    :raises CannotRun: if nothing can be written there
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CannotRun(f"{folder} can't be written ({error.strerror}). Set VAR_DIR to a folder of yours.") from None


def check_port(port: int) -> None:
    """Look before everything else starts.

    :raises CannotRun: if the port is taken or not allowed
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise CannotRun(
                f"PORT: {port} can't be used ({error.strerror}). Choose another one: PORT={port % 65535 + 1} make run"
            ) from None


@contextmanager
def only_one(folder: Path, port: int) -> Iterator[None]:
    """Hold the data folder: two brokers on the same files would ruin them.

    :param port: of the web server, told to whoever comes second
    :raises CannotRun: if another `manage.py dev` holds it
    """
    with (folder / LOCK_FILE).open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.seek(0)
            process, _, other = (lock.read().strip() or "PID").partition(" ")
            address = f"http://127.0.0.1:{other or port}/admin/"
            raise CannotRun(
                f"Tickwork is running here already. Open {address}, or stop it with Ctrl-C or `kill {process}`."
            ) from None
        lock.truncate(0)
        lock.write(f"{os.getpid()} {port}\n")
        lock.flush()
        yield
