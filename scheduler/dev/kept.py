"""Small secrets that a trial makes once and keeps in its data folder; read by every process that lacks the setting."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

BROKER_FILE = "broker.url"


def secret_key(folder: Path) -> str:
    """Return Django's secret key of this trial."""
    return kept(folder / "secret.key", lambda: secrets.token_urlsafe(50))


def broker_url(folder: Path) -> str:
    """Return the address of this trial's embedded broker, which runs only while `manage.py dev` does."""
    return kept(folder / BROKER_FILE, new_broker_url)


def new_broker_url() -> str:
    """Return an address with a free port and a random password.

    The password keeps other users of the machine out, who could otherwise send tasks to the worker.
    """
    return f"redis://:{secrets.token_urlsafe(24)}@127.0.0.1:{_free_port()}/0"


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return what the file at `path` holds, written by `make` the first time; the same text in all processes.

    Where nothing can be written (a read-only folder), this process gets a text of its own.
    """
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        if not path.exists():
            replace(path, make(), only_if_missing=True)
        if written := path.read_text(encoding="ascii").strip():
            return written
    return make()


def replace(path: Path, text: str, *, only_if_missing: bool = False) -> None:
    """Write a file that only its owner may read, whole or not at all.

    :raises OSError: if the folder can't be written
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, text.encode("ascii") + b"\n")
        os.close(handle)
        if only_if_missing:
            with suppress(FileExistsError):  # another process was first: its text counts
                os.link(draft, path)
        else:
            draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _free_port() -> int:
    """Return a free port below those that outgoing connections take."""
    for _ in range(50):
        port = 20_000 + secrets.randbelow(10_000)
        with suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    return 20_000
