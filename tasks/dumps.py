"""Copies of a live database, SQLite's and PostgreSQL's own way; runs in the worker, under tasks.backup_database."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

PAGES_PER_STEP = 1_024
POLL_SECONDS = 0.5

Report = Callable[[float, float | None, str], None]


class BackupFailed(Exception):
    """No backup was made; what was half written is gone."""


def copy_sqlite(source: sqlite3.Connection, target: Path, report: Report) -> None:
    """Copy the database of `source`, as it is now, into the file `target`.

    The copy is of one moment: a read transaction holds it, so writers neither disturb the copy nor make it start
    over. (In WAL mode they go on meanwhile; in the older journal modes they wait.)

    :param report: called with (pages done, pages in all, text)
    :raises BackupFailed: if the copy doesn't pass SQLite's check, or the database can't be read
    """

    def step(status: int, remaining: int, total: int) -> None:
        report(total - remaining, total, f"{total - remaining} of {total} pages")

    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()
        with closing(sqlite3.connect(target)) as copy:
            source.backup(copy, pages=PAGES_PER_STEP, progress=step)
            # A copy that kept the WAL mode would need a second file beside it as soon as somebody opened it.
            copy.execute("PRAGMA journal_mode=DELETE").fetchone()
            (verdict,) = copy.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise BackupFailed(f"The copy of the database is damaged: {verdict}")
    except sqlite3.Error as error:
        raise BackupFailed(f"SQLite can't copy the database: {error}") from error
    finally:
        source.rollback()


def dump_postgresql(parameters: dict[str, Any], server_version: int, target: Path, report: Report) -> None:
    """Write the database into the file `target` with `pg_dump`, in its custom format (`pg_restore` reads it).

    The connection goes to pg_dump through its environment, so that no password shows in a list of processes.

    :param parameters: libpq's connection parameters, such as `dbname` and `password`
    :param server_version: libpq's number, such as 170004 for 17.4
    :param report: called with (bytes written, None, text); what it raises stops pg_dump
    :raises BackupFailed: if pg_dump is missing, older than the server, or fails
    """
    program = shutil.which("pg_dump")
    if program is None:
        raise BackupFailed(
            "There is no pg_dump in PATH of this worker. Install PostgreSQL's client programs, "
            f"version {server_version // 10_000} or newer."
        )
    _check_version(program, server_version)
    command = [program, "--format=custom", "--no-password", f"--file={target}"]
    environment = {**os.environ, **libpq_environment(parameters)}
    with tempfile.TemporaryFile() as messages:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=messages
        )
        try:
            while _still_running(process):
                written = target.stat().st_size
                report(written, None, f"{written / 1_000_000:.1f} MB written")
        finally:
            if process.poll() is None:  # cancelled, or out of time
                process.kill()
                process.wait()
        if process.returncode != 0:
            messages.seek(0)
            told = messages.read(4_000).decode(errors="replace").strip()
            raise BackupFailed(f"pg_dump failed with exit code {process.returncode}: {told or 'no message'}")


def libpq_environment(parameters: dict[str, Any]) -> dict[str, str]:
    """Return connection parameters as the environment variables that libpq reads in their place."""
    from psycopg import pq  # only where PostgreSQL is used

    names = {option.keyword.decode(): option.envvar.decode() for option in pq.Conninfo.get_defaults() if option.envvar}
    return {
        names[keyword]: str(value)
        for keyword, value in parameters.items()
        if keyword in names and value not in (None, "")
    }


def _check_version(program: str, server_version: int) -> None:
    answer = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=30, check=False)
    found = re.search(r"(\d+)(?:\.\d+)*", answer.stdout)
    if found is None:
        raise BackupFailed(f"{program} --version doesn't answer: {(answer.stderr or answer.stdout).strip()}")
    server = server_version // 10_000
    if int(found[1]) < server:
        raise BackupFailed(
            f"{program} is version {found[0]}, older than the server's {server}, which it can't dump. "
            f"Install PostgreSQL's client programs, version {server} or newer, and put them first in PATH."
        )


def _still_running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(POLL_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False
