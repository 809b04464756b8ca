from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import BaseCommand, CommandError
from django.core.management import get_commands as commands_by_app
from django.utils import timezone

from scheduler.exceptions import InvalidInput
from tasks.commands import CommandFailed, Tail, run_command


class Chatty(BaseCommand):
    """A real command, such as an app would bring."""

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("word", nargs="?", default="nothing")
        parser.add_argument("--lines", type=int, default=1)
        parser.add_argument("--end", choices=["well", "error", "exit", "exit0", "crash"], default="well")

    def handle(self, *args: Any, word: str, lines: int, end: str, **options: Any) -> None:
        for number in range(lines):
            self.stdout.write(f"{number} {word}")
        self.stderr.write("careful")
        if end == "error":
            raise CommandError("it is broken")
        if end.startswith("exit"):
            sys.exit(0 if end == "exit0" else 3)
        if end == "crash":
            raise ZeroDivisionError


@pytest.fixture
def chatty(settings: Any) -> Iterator[None]:
    settings.SCHEDULER = {"COMMANDS": ["chatty", "clearsessions", "vanished"]}
    commands: dict[str, Any] = commands_by_app()  # the dict itself, which Django caches
    commands["chatty"] = Chatty()
    yield
    del commands["chatty"]


@pytest.mark.django_db
def test_an_allowed_command_runs() -> None:
    from django.contrib.sessions.models import Session

    now = timezone.now()
    Session.objects.create(session_key="old", session_data="", expire_date=now - timezone.timedelta(days=1))
    Session.objects.create(session_key="new", session_data="", expire_date=now + timezone.timedelta(days=1))
    assert run_command.run("clearsessions") == ""
    assert [session.session_key for session in Session.objects.all()] == ["new"]


@pytest.mark.parametrize("name", ["flush", "shell", "", None, ["clearsessions"], "clearsessions --verbosity 3"])
def test_any_other_command_is_refused_with_the_name_of_the_setting(name: object) -> None:
    with pytest.raises(InvalidInput, match=r'SCHEDULER\["COMMANDS"\].*clearsessions, prune'):
        run_command.run(name)


def test_the_output_comes_back(chatty: Any) -> None:
    assert run_command.run("chatty", ["hello", "--lines", "2"]) == "0 hello\n1 hello\ncareful\n"
    assert run_command.run("chatty", options={"lines": 1}) == "0 nothing\ncareful\n"


def test_only_the_end_of_a_long_output_is_kept(chatty: Any) -> None:
    output = run_command.run("chatty", options={"lines": 5_000})
    assert output.startswith("…")
    assert output.endswith("4999 nothing\ncareful\n")
    assert len(output) == 8_001


@pytest.mark.parametrize(("end", "message"), [("error", "it is broken"), ("exit", "exited with 3")])
def test_a_command_that_fails_fails_the_task_and_shows_what_it_wrote(chatty: Any, end: str, message: str) -> None:
    with pytest.raises(CommandFailed, match=rf"chatty: {message}\n0 nothing\ncareful"):
        run_command.run("chatty", options={"end": end})


def test_a_command_that_exits_well_is_a_success(chatty: Any) -> None:
    assert run_command.run("chatty", options={"end": "exit0"}) == "0 nothing\ncareful\n"


def test_an_error_in_the_command_itself_is_not_dressed_up(chatty: Any) -> None:
    with pytest.raises(ZeroDivisionError):
        run_command.run("chatty", options={"end": "crash"})


def test_arguments_that_the_command_does_not_know_are_refused(chatty: Any) -> None:
    with pytest.raises(CommandFailed, match="unrecognized arguments: --liens"):
        run_command.run("chatty", ["--liens=2"])
    with pytest.raises(InvalidInput, match=r"options: .* don't fit 'chatty'.*liens"):
        run_command.run("chatty", options={"liens": 2})


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"args": "--lines=2"}, "args"),
        ({"args": [2]}, "args"),
        ({"options": ["lines"]}, "options"),
        ({"options": {"stdout": None}}, "options"),
    ],
)
def test_arguments_of_a_wrong_kind_are_refused(chatty: Any, arguments: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        run_command.run("chatty", **arguments)
    assert caught.value.field == field


def test_an_allowed_command_that_is_gone_is_refused(chatty: Any) -> None:
    with pytest.raises(InvalidInput, match="is no management command of this project"):
        run_command.run("vanished")


def test_the_end_of_a_stream_stays_small() -> None:
    tail = Tail(characters=10)
    for _ in range(1_000):
        tail.write("0123456789ab")
    assert tail.getvalue() == "…23456789ab"
