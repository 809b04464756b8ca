"""The base of the management commands: one JSON document or text on stdout, one line per error; a person's shell."""

from __future__ import annotations

import getpass
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as AnyDatabaseError
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.utils.translation import override

from .. import conf, reach
from ..exceptions import SchedulerError
from .tables import printable

REFUSED = 2
FAILED = 1


class Error(CommandError):
    """What Django prints as one line, "Error: …"."""


class ToolCommand(BaseCommand):
    """A command with `--json`. Refused input ends with exit code 2, a database out of reach with 1."""

    requires_system_checks: list[str] = []
    """None: they load the whole project, and a health check must be quick. The settings of ours are checked here."""
    silenced: tuple[str, ...] = ("scheduler.jobs",)
    """Loggers whose lines would tell on stderr what the command prints itself."""

    def add_json(self, parser: CommandParser) -> None:
        """Give a parser `--json`."""
        parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def add_actions(self, parser: CommandParser) -> Callable[..., CommandParser]:
        """Return a function that adds a sub-command: its name, the method that does it, its help."""
        actions = parser.add_subparsers(title="actions", metavar="ACTION", required=True)

        def add(name: str, act: Callable[[dict[str, Any]], None], help_text: str) -> CommandParser:
            # Without abbreviations: a mistyped option is refused, and a new one never changes what an old line means.
            action: CommandParser = actions.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
            action.set_defaults(act=act)
            self.add_json(action)
            return action

        return add

    def handle(self, *args: Any, **options: Any) -> None:
        options["act"](options)

    def execute(self, *args: Any, **options: Any) -> Any:
        try:
            conf.validate(getattr(settings, "SCHEDULER", {}))
            with _silence(self.silenced), override(None):  # English, for scripts and for the manual
                return super().execute(*args, **options)
        except SchedulerError as error:
            raise Error(_one_line(error), returncode=REFUSED) from error
        except (OperationalError, InterfaceError, ProgrammingError) as error:
            raise Error(_database_line(error), returncode=FAILED) from error
        except BrokenPipeError:
            self._forget_stdout()

    def show(self, options: dict[str, Any], document: Callable[[], Any], text: Callable[[], str]) -> None:
        """Print the document if `--json` was given, else the text."""
        if options["json"]:
            self.stdout.write(json.dumps(document(), indent=2, ensure_ascii=not _speaks_unicode(self.stdout)))
        else:
            self.stdout.write(printable(text(), _encoding(self.stdout)))
        self.stdout.flush()

    def pour(self, parts: Iterator[str], *, nothing: str) -> None:
        """Print a text as it comes, whole lines in each part; where none comes, say so beside the output."""
        empty = True
        for part in parts:
            self.stdout.write(printable(part, _encoding(self.stdout)), ending="")
            empty = False
        self.stdout.flush()
        if empty:
            self.complain(nothing)

    def warn(self, text: str) -> None:
        """Print a warning where it does not disturb the document."""
        self.stderr.write(printable(f"Warning: {text}", _encoding(self.stderr)), self.style.WARNING)

    def complain(self, text: str) -> None:
        """Print one line of what was refused, beside what was done."""
        self.stderr.write(printable(text, _encoding(self.stderr)))

    def leave(self, code: int) -> NoReturn:
        """End with an exit code that is not an error of the command itself, after its output."""
        raise SystemExit(code)

    def _forget_stdout(self) -> None:
        """Whoever read our output has seen enough; keep Python from complaining when it flushes at exit."""
        out: Any = getattr(self.stdout, "_out", None)
        if out is not None and out is sys.stdout:
            os.dup2(os.open(os.devnull, os.O_WRONLY), out.fileno())


@contextmanager
def _silence(names: tuple[str, ...]) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in names]
    for logger in loggers:
        logger.addFilter(_nothing)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeFilter(_nothing)


def _nothing(record: logging.LogRecord) -> bool:
    return False


def asked_by() -> str:
    """Return who runs this command, for the record, such as "cli:anna"."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user without a name
        name = str(os.getuid())
    return f"cli:{name}"[:150]


def _one_line(error: Exception) -> str:
    return printable(" ".join(str(error).splitlines()))


def _database_line(error: AnyDatabaseError) -> str:
    text = " ".join(str(error).split())
    if reach.lacks_table(error):
        return f"The database lacks a table ({text.partition(' LINE ')[0]}). Run `manage.py migrate` first."
    name = connection.settings_dict["NAME"]
    return f"The database {str(name)!r} can't be used: {text}. Check its address, and that the server runs."


def _encoding(stream: Any) -> str:
    return str(getattr(stream, "encoding", None) or "utf-8")


def _speaks_unicode(stream: Any) -> bool:
    return _encoding(stream).lower().replace("-", "").startswith("utf")
