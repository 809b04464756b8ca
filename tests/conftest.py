"""What all tests share: the environment that settings are read from, one Valkey, and one PostgreSQL if asked for.

TEST_DATABASE=sqlite (a file, in WAL mode; the default) or TEST_DATABASE=postgres chooses the database.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.programs import free_port
from tests.servers import Postgres, Valkey

FOLDER = Path(tempfile.mkdtemp(prefix="tickwork-tests-"))
DATABASE = os.environ.get("TEST_DATABASE") or "sqlite"
if DATABASE not in ("sqlite", "postgres"):
    raise pytest.UsageError(f"TEST_DATABASE: {DATABASE!r} is not known. Write sqlite or postgres.")
_valkey = Valkey(FOLDER / "valkey", free_port())
_postgres = Postgres(FOLDER / "postgres", free_port()) if DATABASE == "postgres" else None


def _stop(pid: int) -> None:
    if os.getpid() != pid:
        return  # a forked child, which would stop its parent's servers
    _valkey.stop()
    if _postgres is not None:
        _postgres.stop()
    shutil.rmtree(FOLDER, ignore_errors=True)


atexit.register(_stop, os.getpid())  # where collecting fails, pytest does not come to unconfigure


def _set_up_django() -> None:
    """Load Django's settings, from an environment that nothing of the caller's reaches.

    At import, because the other conftest.py files import models.
    """
    for name in ("DEBUG", "SECURE", "SECRET_KEY", "ALLOWED_HOSTS", "TIME_ZONE", "STATIC_ROOT", "EMAIL_URL", "PORT"):
        os.environ.pop(name, None)
    FOLDER.chmod(0o755)  # PostgreSQL may run as another user
    (FOLDER / "var").mkdir(exist_ok=True)
    os.environ["DATABASE_URL"] = _postgres.url if _postgres else f"sqlite:///{FOLDER}/tickwork.sqlite3"
    os.environ["BROKER_URL"] = _valkey.url
    os.environ["VAR_DIR"] = str(FOLDER / "var")
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()


_set_up_django()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop the servers, also after Ctrl-C."""
    _stop(os.getpid())


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Make the test database. pytest-django's own does so only for tests that use its `db` fixture."""
    from django.test.utils import setup_databases, teardown_databases

    if _postgres is not None:
        _postgres.start()
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False)
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def postgres() -> Postgres:
    """The database server; tests that need it are skipped on SQLite."""
    if _postgres is None:
        pytest.skip("needs TEST_DATABASE=postgres")
    _postgres.start()
    return _postgres


@pytest.fixture
def valkey() -> Iterator[Valkey]:
    """The broker that settings name. A test may stop it; afterwards it runs again."""
    _valkey.start()
    yield _valkey
    _valkey.resume() if _valkey.program and _valkey.program.is_running else _valkey.start()
