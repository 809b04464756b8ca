"""Cutting and cleaning what tasks produce."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheduler.texts import clean, clean_end, to_json


@given(st.text(st.characters(), max_size=200), st.integers(10, 100))
def test_a_clean_text_fits_and_can_be_stored_everywhere(text: str, limit: int) -> None:
    for cleaned in (clean(text, limit), clean_end(text, limit)):
        assert len(cleaned) <= limit
        assert "\x00" not in cleaned
        cleaned.encode()


def test_a_short_text_is_left_as_it_is() -> None:
    assert clean("Übung 名前", 100) == clean_end("Übung 名前", 100) == "Übung 名前"


def test_one_keeps_the_start_and_the_other_the_end() -> None:
    text = "start" + "." * 100 + "end"
    assert clean(text, 20).startswith("start")
    assert clean(text, 20).endswith("(cut)")
    assert clean_end(text, 20).endswith("end")


def test_nul_bytes_and_half_characters_are_replaced_visibly() -> None:
    assert clean("a\x00b\ud800c", 100) == "a␀b?c"


@pytest.mark.parametrize("value", [None, 1, 1.5, True, "text", [1, [2]], {"a": {"b": None}}, ""])
def test_json_comes_back_as_it_was(value: Any) -> None:
    assert json.loads(to_json(value, 1000)) == value


def test_what_django_can_say_in_json_is_said() -> None:
    assert json.loads(to_json([Decimal("1.5"), UUID(int=1)], 1000)) == ["1.5", str(UUID(int=1))]


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("no")


def endless() -> list[Any]:
    value: list[Any] = []
    value.append(value)
    return value


def deep() -> list[Any]:
    value: list[Any] = []
    for _ in range(100_000):
        value = [value]
    return value


@pytest.mark.parametrize(
    "value", [{1, 2}, float("nan"), object(), Mute(), endless(), {(1, 2): 3}, lambda: 0], ids=lambda v: type(v).__name__
)
def test_what_json_can_not_say_becomes_its_repr(value: Any) -> None:
    assert isinstance(json.loads(to_json(value, 1000)), str)


def test_what_is_nested_too_deep_becomes_text() -> None:
    assert isinstance(json.loads(to_json(deep(), 1000)), str)


@pytest.mark.parametrize("value", ["x" * 5000, ["é"] * 5000, {"k": "\x00" * 5000}, object.__new__(object)])
def test_json_fits_its_limit(value: Any) -> None:
    text = to_json(value, 1000)
    assert len(text.encode()) <= 1000
    json.loads(text)


def test_nul_bytes_inside_json_are_replaced() -> None:
    assert json.loads(to_json({"a\x00": ["b\x00", "\ud800"]}, 1000)) == {"a␀": ["b␀", "?"]}
    assert json.loads(to_json("a literal \\u0000", 1000)) == "a literal \\u0000"


def test_a_whole_emoji_stays() -> None:
    assert json.loads(to_json("😀", 1000)) == "😀"
