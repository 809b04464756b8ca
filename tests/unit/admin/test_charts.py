"""Charts: what is drawn, that nothing is told by colour alone, and that each has its table."""

from __future__ import annotations

import re
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import pytest

import scheduler
from scheduler.admin.badges import LOOKS
from scheduler.admin.charts import (
    BAR_PATTERNS,
    CELL_MARKS,
    OUTCOMES,
    Bar,
    Day,
    axis,
    bars,
    calendar,
    data_table,
    figure,
    heat,
    legend,
    tone_of,
)
from scheduler.models import State

CSS = (Path(scheduler.__file__).parent / "static/scheduler/charts.css").read_text()
HEIGHTS = re.compile(r'd="M[\d.]+ ([\d.]+)V([\d.]+)"')


def heights(drawn: str) -> list[float]:
    return [float(bottom) - float(top) for bottom, top in HEIGHTS.findall(drawn)]


def test_the_highest_bar_fills_the_height_and_the_others_are_in_proportion() -> None:
    drawn = bars("Runs", [Bar("a", [("good", 10)]), Bar("b", [("good", 5)]), Bar("c", [])], height=40)
    assert heights(drawn) == [40, 20]
    assert "<title>Runs</title>" in drawn and 'role="img"' in drawn and drawn.count("<g>") == 3


def test_the_parts_of_a_bar_stand_on_each_other() -> None:
    drawn = bars("Runs", [Bar("a", [("good", 3), ("wait", 0), ("bad", 1)])], height=40)
    assert HEIGHTS.findall(drawn) == [("40", "10"), ("10", "0")] and "sched-ink-wait" not in drawn


@pytest.mark.parametrize("parts", [[("good", 9_000), ("bad", 1)], [("bad", 1), ("good", 9_000)]])
def test_one_failure_among_thousands_of_runs_can_be_seen(parts: list[tuple[str, float]]) -> None:
    assert sorted(heights(bars("Runs", [Bar("a", parts)], height=40))) == [2, 38]


def test_labels_are_escaped() -> None:
    assert "<b>" not in bars("<b>", [Bar("<b>", [("good", 1)])])
    assert "<b>" not in data_table("<b>", ["<b>"], [["<b>", "<b>"]])


@pytest.mark.parametrize("state", State)
def test_each_state_has_a_tone_that_charts_know(state: State) -> None:
    tone = tone_of(state)
    assert tone in OUTCOMES and f".sched-ink-{tone} " in CSS
    assert tone == LOOKS[state].tone or state == State.RETRYING


def test_no_two_tones_share_a_pattern() -> None:
    assert set(BAR_PATTERNS) == set(OUTCOMES) and len(set(BAR_PATTERNS.values())) == len(OUTCOMES)
    marks = [CELL_MARKS.get(tone, "") for tone in OUTCOMES]
    assert len(set(marks)) == len(OUTCOMES)


def test_a_calendar_has_a_column_for_each_week_and_a_cell_for_each_day() -> None:
    start = date(2026, 1, 1)
    days = [
        Day(start + timedelta(days=n), "bad" if n == 3 else "good" if n % 2 else "", n / 30, f"day {n}")
        for n in range(31)
    ]
    root = ElementTree.fromstring(calendar("January", days))
    cells = [group for group in root if group.tag == "g"]
    assert [cell.find("title").text for cell in cells] == [f"day {n}" for n in range(31)]
    columns = {cell.get("transform").split()[0] for cell in cells}
    assert len(columns) == 5
    assert sum(cell.find("path") is not None for cell in cells) == 1
    ElementTree.fromstring(calendar("Nothing", []))


def test_heat_tells_nothing_from_something_and_small_numbers_apart() -> None:
    assert heat(0, 100) == heat(0, 0) == 0
    assert heat(1, 1_000_000) == 1 and heat(100, 100) == 4
    assert sorted({heat(n, 16) for n in range(17)}) == [0, 1, 2, 3, 4]


def test_a_figure_has_its_table_and_a_legend_only_what_is_drawn() -> None:
    table = data_table("Runs", ["Hour", "Runs"], [["10:00", 3]])
    drawn = figure(bars("Runs", []), table, legend(["bad"]), axis(["10:00", "11:00"]))
    assert '<div class="sched-axis" aria-hidden="true"><span>10:00</span><span>11:00</span></div>' in drawn
    assert "<details>" in drawn and '<th scope="row">10:00</th><td>3</td>' in drawn
    assert "failure" in drawn and "skipped" not in drawn


def test_fewer_bars_than_there_is_room_for_stand_on_the_right() -> None:
    drawn = bars("Runs", [Bar("a", [("good", 1)])], width=3, gap=1, height=24, places=30)
    assert 'viewBox="0 0 119 24"' in drawn and "M117.5 24V0" in drawn
