"""What tasks produce is shown harmlessly."""

from __future__ import annotations

import pytest

from scheduler.admin.text import as_json, dotted, first_line, harmless
from scheduler.templatetags.scheduler_console import with_code


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("plain\ttext\nü 中", "plain\ttext\nü 中"),
        ("a\x00b", "a␀b"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b", "␛"),
        ("back\x08space\x7f", "back␈space␡"),
        ("one\r\ntwo\rthree", "one\ntwo␍three"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("\ud800", "\\ud800"),
    ],
)
def test_nothing_invisible_is_left_in_a_text(given: str, shown: str) -> None:
    assert harmless(given) == shown
    harmless(given).encode()


def test_the_first_line_is_the_first_that_says_something() -> None:
    assert first_line("\n  \n  ValueError: no\nmore") == "ValueError: no"
    assert first_line("") == ""
    assert first_line("x" * 500) == "x" * 139 + "…"


def test_json_keeps_its_letters_and_shows_control_characters_as_escapes() -> None:
    assert as_json({"name": "ü中\x00"}) == '{\n  "name": "ü中\\u0000"\n}'
    as_json("\ud800").encode()


def test_a_dotted_name_may_break_after_dots_and_is_escaped() -> None:
    assert dotted("a.b_<c>") == "a.<wbr>b_<wbr>&lt;c&gt;"


def test_what_a_docstring_has_between_backticks_is_code() -> None:
    assert with_code("Plain <b>") == "Plain &lt;b&gt;"
    assert with_code("`a` and ``b<c`` are `") == "<code>a</code> and <code>b&lt;c</code> are `"
    assert with_code("") == ""
