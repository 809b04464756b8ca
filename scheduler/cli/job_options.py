"""The options of `jobs add` and `jobs modify`, and what they are as keyword arguments; runs in a person's shell."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

from django.core.management.base import CommandParser

from ..exceptions import InvalidInput, InvalidTrigger
from ..models import CatchUp, OnLost, Overlap
from . import parsing

TRIGGER_MEND = """Write it like '{"type": "interval", "minutes": 5}'."""


def _words(field: str, given: str) -> str:
    return given


def _tag_list(field: str, given: list[str]) -> list[str]:
    return [tag.strip() for part in given for tag in part.split(",") if tag.strip()]


READ: dict[str, Callable[[str, Any], Any]] = {
    "task": _words,
    "timezone": _words,
    "queue": _words,
    "priority": parsing.or_none(parsing.whole),
    "expires": parsing.or_none(parsing.seconds),
    "time_limit": parsing.or_none(parsing.seconds),
    "soft_time_limit": parsing.or_none(parsing.seconds),
    "max_instances": parsing.whole,
    "overlap": _words,
    "misfire_grace_time": parsing.or_none(parsing.seconds),
    "catch_up": _words,
    "on_lost": _words,
    "run_at_start": lambda field, given: given,
    "description": _words,
    "tags": _tag_list,
    "owner": _words,
    "name": _words,
}


def add_task_arguments(parser: Any, instead: str = "") -> None:
    """Give a parser `--args` and `--kwargs`. They get names of their own, for Django's commands take `args` themselves.

    :param instead: ends their help
    """
    parser.add_argument("--args", dest="task_args", metavar="JSON", help=f"positional arguments, a list{instead}")
    parser.add_argument("--kwargs", dest="task_kwargs", metavar="JSON", help=f"keyword arguments, an object{instead}")


def add_job_options(parser: CommandParser, *, new: bool) -> None:
    """Give a parser the options that make up a job.

    :param new: whether a task and a schedule have to be there
    """
    parser.add_argument("id", metavar="ID", help="the job's id")
    parser.add_argument("--task", required=new, metavar="NAME", help="the Celery task to run")
    schedule = parser.add_argument_group("schedule, one of").add_mutually_exclusive_group(required=new)
    schedule.add_argument("--every", metavar="LENGTH", help="an interval: 300s, 5m, 2h, 1d")
    schedule.add_argument("--cron", metavar="FIELDS", help='standard cron, such as "30 6 * * 1-5" or @daily')
    schedule.add_argument("--at", metavar="TIME", help="once, such as 2026-12-01T09:00")
    schedule.add_argument("--trigger", metavar="JSON", help='such as {"type": "cron", "hour": 6}')
    parser.add_argument("--timezone", metavar="TZ", help="the zone of the schedule, such as Europe/Berlin")
    what = parser.add_argument_group("what it runs")
    add_task_arguments(what)
    what.add_argument("--queue", metavar="Q", help="of Celery")
    what.add_argument("--priority", metavar="N", help="of the message; with Redis 0 is first, 9 last")
    what.add_argument("--expires", metavar="S", help="a run that no worker takes in this time expires (30s, 5m, …)")
    what.add_argument("--time-limit", metavar="S", help="the hard limit, which kills the task")
    what.add_argument("--soft-time-limit", metavar="S", help="the soft limit, which raises in the task")
    when = parser.add_argument_group("policies")
    when.add_argument("--max-instances", metavar="N", help="live runs at most")
    when.add_argument("--overlap", metavar="|".join(Overlap.values), help="what a firing beyond that does")
    when.add_argument("--misfire-grace-time", metavar="S", help="a firing may start late by so much")
    when.add_argument("--catch-up", metavar="|".join(CatchUp.values), help="firings missed while nothing ran")
    when.add_argument("--on-lost", metavar="|".join(OnLost.values), help="what happens to a run whose worker dies")
    when.add_argument(
        "--run-at-start", action=argparse.BooleanOptionalAction, help="run when the scheduler service starts"
    )
    people = parser.add_argument_group("for people")
    people.add_argument("--name", metavar="T", help="a title")
    people.add_argument("--description", metavar="T")
    people.add_argument("--tags", "--tag", action="append", metavar="A,B", help="may be given more than once")
    people.add_argument("--owner", metavar="T")


def job_arguments(options: dict[str, Any]) -> dict[str, Any]:
    """Return what was given of `add_job_options` as keyword arguments of `add_job` and `modify_job`.

    :raises InvalidInput: for a value that can't be read
    """
    told = {field: read(field, options[field]) for field, read in READ.items() if options.get(field) is not None}
    return {**told, **parsing.arguments(options), **_schedule(options)}


def changes_of(options: dict[str, Any]) -> dict[str, Any]:
    """Return what `jobs modify` was given. :raises InvalidInput: if that is nothing, or can't be read"""
    changes = job_arguments(options)
    if not changes:
        raise InvalidInput("modify", options["id"], "is named without a change", "Add one, such as --queue long.")
    return changes


def _schedule(options: dict[str, Any]) -> dict[str, Any]:
    if options["every"] is not None:
        return {"trigger": "interval", "seconds": parsing.seconds("every", options["every"])}
    if options["cron"] is not None:
        return {"crontab": options["cron"]}
    if options["at"] is not None:
        return {"trigger": "date", "run_date": options["at"]}
    if options["trigger"] is not None:
        data = parsing.json_object("trigger", options["trigger"], TRIGGER_MEND)
        if not data:
            raise InvalidTrigger("trigger", data, "is empty", TRIGGER_MEND)
        return {"trigger": data}
    return {}
