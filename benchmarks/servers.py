"""A PostgreSQL (or an SQLite file) and a Valkey of the benchmarks' own, and a Django that is set up on them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.servers import Postgres, Valkey

Database = Literal["postgres", "sqlite"]


@dataclass(frozen=True)
class Where:
    """Where the servers are, and what a program needs in its environment to find them."""

    folder: Path
    database: Database
    valkey: Valkey
    postgres: Postgres | None
    env: dict[str, str] = field(default_factory=dict)

    @property
    def servers(self) -> list[int]:
        """The process ids of the servers, whose work counts as the work of those whom they serve."""
        programs = [self.valkey.program, self.postgres.program if self.postgres else None]
        return [program.pid for program in programs if program is not None]


@contextmanager
def servers(database: Database = "postgres") -> Iterator[Where]:
    """Start the servers, make the tables, and stop the servers in the end."""
    folder = Path(tempfile.mkdtemp(prefix="tickwork-bench-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    valkey = Valkey(folder / "valkey", appendonly=False)
    postgres = Postgres(folder / "postgres") if database == "postgres" else None
    try:
        valkey.start()
        if postgres:
            postgres.start()
            _create_database(postgres, "peers")
        (folder / "var").mkdir()
        address = postgres.url.rsplit("/", 1)[0] if postgres else f"sqlite:///{folder}"
        where = Where(folder, database, valkey, postgres)
        where.env.update(
            DATABASE_URL=f"{address}/postgres" if postgres else f"{address}/tickwork.sqlite3",
            PEERS_DATABASE=f"{address}/peers" if postgres else f"{address}/peers.sqlite3",
            BROKER_URL=valkey.url,
            VAR_DIR=str(folder / "var"),
            DJANGO_SETTINGS_MODULE="benchmarks.settings",
            LOG_LEVEL="WARNING",  # the peers log no more than that
        )
        os.environ.update(where.env)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield where
    finally:
        valkey.stop()
        if postgres:
            postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _create_database(postgres: Postgres, name: str) -> None:
    import psycopg

    with psycopg.connect(postgres.url.rsplit("/", 1)[0] + "/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
