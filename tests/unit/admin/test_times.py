"""Instants and durations in words."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.admin.times import absolute, clock, duration, precise, relative, time_tag

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""),
        (-1, "0 ms"),
        (0.0314, "31 ms"),
        (0.9996, "1.0 s"),
        (4.21, "4.2 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (125, "2 min 5 s"),
        (11_520, "3 h 12 min"),
        (86_399.9, "1 d"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_duration_is_said_in_two_units_at_most(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "now"),
        (12, "in 12 s"),
        (-12, "12 s ago"),
        (72, "in 1 min 12 s"),
        (-200, "3 min ago"),
        (3_900, "in 1 h 5 min"),
        (-45_000, "12 h ago"),
        (172_800 + 7_300, "in 2 d 2 h"),
        (-86_400 * 41 - 9_000, "41 d ago"),
    ],
)
def test_a_distance_in_time_drops_the_digits_that_nobody_reads(seconds: float, words: str) -> None:
    assert relative(NOW + timedelta(seconds=seconds), NOW) == words


def test_an_instant_is_short_where_that_is_clear(settings: object) -> None:
    assert clock(NOW - timedelta(hours=2), NOW) == "10:00:00"
    assert clock(NOW - timedelta(days=2), NOW) == "2 Mar, 12:00:00"
    assert clock(NOW - timedelta(days=400), NOW) == "2025-01-28 12:00"


def test_the_exact_instant_is_on_hover_with_its_zone() -> None:
    assert absolute(NOW) == "2026-03-04 12:00:00 UTC"
    assert precise(NOW + timedelta(milliseconds=7)) == ("2026-03-04 UTC", "12:00:00.007")
    assert time_tag(NOW, "<now>") == (
        '<time datetime="2026-03-04T12:00:00+00:00" title="2026-03-04 12:00:00 UTC">&lt;now&gt;</time>'
    )
