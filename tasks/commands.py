"""Management commands as a task, for those that the settings allow; runs in the worker."""

from __future__ import annotations

import io
import logging
from typing import Any

from celery import shared_task
from django.core.management import CommandError, call_command, get_commands

from scheduler import conf, exceptions

logger = logging.getLogger(__name__)

TAIL_CHARACTERS = 8_000


class CommandFailed(Exception):
    """A management command ended with an error; holds its message and the end of its output."""


class Tail(io.TextIOBase):
    """A text stream that remembers only the end of what was written, however much that is."""

    def __init__(self, characters: int = TAIL_CHARACTERS) -> None:
        self._limit, self._kept, self._cut = characters, "", False

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        kept = self._kept + text
        self._cut = self._cut or len(kept) > self._limit
        self._kept = kept[-self._limit :]
        return len(text)

    def getvalue(self) -> str:
        """Return the end of the output; it begins with … if there was more."""
        return ("…" if self._cut else "") + self._kept


@shared_task(name="tasks.run_command")
def run_command(name: str, args: list[str] = [], options: dict[str, Any] = {}) -> str:  # noqa: B006 - never changed
    """Run a management command that `SCHEDULER["COMMANDS"]` allows, and return the last 8,000 characters it wrote.

    What the command writes to its own `self.stdout` and `self.stderr` is kept; a bare `print` goes to the worker's log.

    :param name: the command, such as `clearsessions`
    :param args: its arguments and flags as on the command line, such as `["--days", "30"]`
    :param options: options by their Python name, as `call_command` takes them, such as `{"verbosity": 2}`
    :raises InvalidInput: if the command is not allowed or not there, or the arguments don't fit
    :raises CommandFailed: if the command ended with an error
    """
    _check(name, args, options)
    output = Tail()
    try:
        returned = call_command(name, *args, **{**options, "stdout": output, "stderr": output})
    except CommandError as error:
        raise CommandFailed(_failure(name, str(error) or "failed", output)) from error
    except TypeError as error:
        if not str(error).startswith("Unknown option(s)"):
            raise
        raise exceptions.InvalidInput("options", options, f"don't fit {name!r}", str(error)) from error
    except SystemExit as error:  # would otherwise end the worker process
        if error.code not in (None, 0):
            raise CommandFailed(_failure(name, f"exited with {error.code}", output)) from error
        returned = None
    logger.info("Command %s done%s", name, f", returned {returned}" if returned else "")
    return output.getvalue()


def _check(name: object, args: object, options: object) -> None:
    allowed = conf.get("COMMANDS")
    if not isinstance(name, str) or name not in allowed:
        raise exceptions.InvalidInput(
            "name",
            name,
            "is not an allowed management command",
            f'Add it to SCHEDULER["COMMANDS"] in the settings; that allows {", ".join(allowed) or "none"} now.',
        )
    if name not in get_commands():
        raise exceptions.InvalidInput(
            "name", name, "is no management command of this project", "`manage.py help` lists them."
        )
    if not isinstance(args, list | tuple) or not all(isinstance(arg, str) for arg in args):
        raise exceptions.InvalidInput("args", args, "is not a list of texts", 'Write it like ["--days", "30"].')
    if not isinstance(options, dict) or not all(isinstance(key, str) for key in options):
        raise exceptions.InvalidInput("options", options, "is not an object", 'Write it like {"verbosity": 2}.')
    streams = {"stdout", "stderr"} & options.keys()
    if streams:
        raise exceptions.InvalidInput("options", sorted(streams), "can't be set", "The task captures the output.")


def _failure(name: str, problem: str, output: Tail) -> str:
    text = output.getvalue().strip()
    return f"{name}: {problem}" + (f"\n{text}" if text else "")
