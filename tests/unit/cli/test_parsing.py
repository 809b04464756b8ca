from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from scheduler import clock
from scheduler.cli import parsing, tables
from scheduler.exceptions import InvalidInput


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("300", 300),
        ("300s", 300),
        ("5m", 300),
        ("2h", 7200),
        ("1d", 86400),
        ("1w", 604800),
        ("1h30m", 5400),
        ("1.5", 1.5),
    ],
)
def test_lengths_of_time(text: str, seconds: Any) -> None:
    read = parsing.seconds("every", text)
    assert read == seconds
    assert isinstance(read, type(seconds))


@given(st.text())
def test_a_length_of_time_is_a_number_or_refused(text: str) -> None:
    try:
        assert parsing.seconds("every", text) >= 0
    except InvalidInput as error:
        assert error.field == "every"


@given(st.text())
def test_a_time_since_is_aware_or_refused(text: str) -> None:
    try:
        assert parsing.since("since", text).tzinfo is not None
    except InvalidInput as error:
        assert error.field == "since"


@given(st.text())
def test_json_is_a_list_or_refused(text: str) -> None:
    try:
        assert isinstance(parsing.json_list("args", text), list)
    except InvalidInput as error:
        assert error.field == "args"


def test_since_takes_a_length_or_a_date_in_the_project_s_zone() -> None:
    assert abs(clock.now() - parsing.since("since", "2h") - timedelta(hours=2)) < timedelta(seconds=5)
    with override_settings(TIME_ZONE="Asia/Tokyo"):
        assert parsing.since("since", "2026-12-01") == datetime(2026, 11, 30, 15, tzinfo=UTC)
    assert parsing.since("since", "2026-12-01T09:00+01:00") == datetime(2026, 12, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, ""), (0, "0.00 s"), (0.0234, "0.02 s"), (0.999, "1.0 s"), (4.21, "4.2 s"), (59.94, "59.9 s"),
        (59.96, "1 min 0 s"), (125, "2 min 5 s"), (3599.9, "1 h 0 min"), (11_520, "3 h 12 min"), (200_000, "2 d 7 h"),
    ],
)  # fmt: skip
def test_lengths_in_words(seconds: Any, text: str) -> None:
    assert tables.length(seconds) == text


@given(st.text(), st.integers(2, 40))
def test_what_is_cut_fits_and_is_printable(text: str, width: int) -> None:
    shown = tables.cut(text, width)
    assert tables.width_of(shown) <= width
    assert shown.isprintable()


def test_columns_of_wide_letters_are_aligned() -> None:
    lines = tables.table(["A", "B", "C"], [["你好", "x", "1"], ["é", "yy", "2"]]).splitlines()
    assert lines == ["A     B   C", "你好  x   1", "é     yy  2"]


def test_what_an_encoding_lacks_becomes_an_escape() -> None:
    assert tables.printable("ü\x07你", "latin-1") == "ü\\x07\\u4f60"
