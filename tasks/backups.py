"""A backup of the database as a task, with rotation; runs in the worker."""

from __future__ import annotations

import hashlib
import logging
import re
from contextlib import closing
from pathlib import Path
from typing import Any

from celery import shared_task
from django.db import connections

from scheduler import exceptions, progress

from . import dumps
from .output_files import Series, check_keep

logger = logging.getLogger(__name__)

EXTENSIONS = {"sqlite": "sqlite3", "postgresql": "dump"}


@shared_task(name="tasks.backup_database")
def backup_database(keep: int = 7, database: str = "default") -> dict[str, Any]:
    """Copy the database, while it is in use, to a new file in `SCHEDULER["BACKUP_DIR"]`, and keep the newest few.

    SQLite gives a database file to put in the old one's place; PostgreSQL gives an archive for `pg_restore`, and needs
    `pg_dump` of the server's version or newer on the worker. The file appears when it is complete; its owner alone
    may read it. Only backups of the same database are ever deleted, and only after a new one is there.

    :param keep: how many backups to leave, this one included
    :param database: its name in Django's `DATABASES`
    :raises InvalidInput: for a wrong `keep`, an unknown database or one of another kind
    :raises BackupFailed: if no backup could be made; the earlier ones are all still there
    """
    check_keep(keep)
    if database not in connections:
        raise exceptions.InvalidInput(
            "database", database, "is not in DATABASES", f"Known: {', '.join(sorted(connections))}."
        )
    vendor = connections[database].vendor
    if vendor not in EXTENSIONS:
        raise exceptions.InvalidInput(
            "database", database, f"is of the kind {vendor}", "SQLite and PostgreSQL can be backed up."
        )
    series = Series.of_setting("BACKUP_DIR", _file_name(database), EXTENSIONS[vendor])
    with series.new_file() as (part, target):
        if vendor == "sqlite":
            _copy_sqlite(database, part)
        else:
            connection: Any = connections[database]
            dumps.dump_postgresql(connection.get_connection_params(), connection.pg_version, part, progress)
    size = target.stat().st_size
    removed = series.rotate(keep)
    logger.info("Backup %s of %d bytes; %d old ones deleted", target, size, len(removed))
    return {"path": str(target), "bytes": size, "removed": removed}


def _copy_sqlite(database: str, part: Path) -> None:
    connection = connections[database]
    # A connection of its own: the task's may be inside a transaction, whose changes are not to be in the backup.
    with closing(connection.get_new_connection(connection.get_connection_params())) as source:
        dumps.copy_sqlite(source, part, progress)


def _file_name(database: str) -> str:
    """Return a name that no other database has, even where several projects share the directory.

    Rotation goes by it: two databases called `db` must not push out each other's backups.
    """
    described = connections[database].settings_dict
    name = str(described["NAME"] or database)
    place = [str(described["HOST"]), str(described["PORT"]), name]
    if connections[database].vendor == "sqlite" and not name.startswith("file:"):
        place, name = [str(Path(name).resolve())], Path(name).stem
    fingerprint = hashlib.sha256("\0".join(place).encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9_]+', '_', name)[:60]}-{fingerprint}"
