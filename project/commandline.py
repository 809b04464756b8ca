"""Runs Django's commands; a database that can't be used is one line instead of a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from django.core.management import execute_from_command_line
from django.db import OperationalError, ProgrammingError, connection

from project.addresses import masked
from project.environment import text as variable


def main(argv: Sequence[str]) -> int:
    """Run one command; return the exit code of one that came to its end, or 2 where the database is the obstacle."""
    try:
        execute_from_command_line(list(argv))
    except (OperationalError, ProgrammingError) as error:
        if "--traceback" in argv or not (line := explanation(error)):
            raise
        print(f"Error: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def explanation(error: Exception) -> str:
    """Return one line for a database that can't be reached or is empty, or nothing for any other error."""
    text = " ".join(str(error).split())
    if connection.connection is None:
        url = masked(variable(os.environ, "DATABASE_URL"))
        shown = repr(url) if url else str(connection.settings_dict["NAME"])
        return f"DATABASE_URL: {shown} can't be used: {text}. Check the address, and that the server runs."
    if "no such table" in text or ("relation" in text and "does not exist" in text):
        return f"The database lacks a table ({text.partition(' LINE ')[0]}). Run `manage.py migrate` first."
    return ""
