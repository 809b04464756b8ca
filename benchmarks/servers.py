"""A PostgreSQL and a Valkey of the benchmarks' own, and a Django that is set up on them."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.servers import Postgres, Valkey


@dataclass(frozen=True)
class Where:
    """Where the servers are, and what a process of the project needs in its environment to find them."""

    folder: Path
    valkey: Valkey
    env: dict[str, str]


@contextmanager
def servers() -> Iterator[Where]:
    """Start both, migrate, and stop them in the end."""
    folder = Path(tempfile.mkdtemp(prefix="tickwork-bench-"))
    folder.chmod(0o755)  # PostgreSQL may run as another user
    valkey, postgres = Valkey(folder / "valkey", appendonly=False), Postgres(folder / "postgres")
    try:
        valkey.start()
        postgres.start()
        (folder / "var").mkdir()
        env = {
            "DATABASE_URL": postgres.url.rsplit("/", 1)[0] + "/postgres",
            "BROKER_URL": valkey.url,
            "VAR_DIR": str(folder / "var"),
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }
        os.environ.update(env)
        import django
        from django.core.management import call_command

        django.setup()
        call_command("migrate", verbosity=0)
        yield Where(folder, valkey, env)
    finally:
        valkey.stop()
        postgres.stop()
        shutil.rmtree(folder, ignore_errors=True)
