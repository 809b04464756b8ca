"""What the benchmarks make of their numbers: verdicts, charts, the page of figures, the simulation of a day."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks import capacity, charts, measuring
from benchmarks.measuring import Bars, Found, Judged


def found(**fields: object) -> Found:
    rows = {"Tickwork": [1.0, 2.0, 3.0], "peer <&>": [40.0, 20.0, 30.0]}
    systems = {name: {"seconds": values} for name, values in rows.items()}
    judged = [Judged("times as fast", measuring.ratios(rows["peer <&>"], rows["Tickwork"]), 12.0, 20.0, unit="×")]
    told = {"judged": judged, **fields}
    return Found("burst", "until sent", {"jobs": 5}, systems, chart=Bars("a & b", "s", rows), **told)


@pytest.mark.parametrize(
    ("better", "required", "verdict"),
    [
        ("more", 1.0, "holds"),
        ("more", 9.0, "unclear"),
        ("more", 12.5, "MISSES"),
        ("less", 99.0, "holds"),
        ("less", 12.5, "unclear"),
        ("less", 9.0, "MISSES"),
        ("more", None, "holds"),
    ],
)
def test_a_figure_holds_where_every_round_is_on_the_right_side_of_its_bar(
    better: str, required: float | None, verdict: str
) -> None:
    judged = Judged("it", [1.0, 10.0, 99.0], required, better=better)
    assert judged.verdict == verdict
    assert f"{verdict:<7} it" in measuring.show(found(judged=[judged]))


def test_rounds_alternate_between_the_systems(capsys: pytest.CaptureFixture[str]) -> None:
    turns: list[str] = []

    def measure(name: str) -> dict[str, float]:
        turns.append(name)
        return {"seconds": float(len(turns))}

    told = measuring.alternate({"a": lambda: measure("a"), "b": lambda: measure("b")}, 2)
    assert turns == ["a", "b", "a", "b"]
    assert told == {"a": {"seconds": [1.0, 3.0]}, "b": {"seconds": [2.0, 4.0]}}


def test_what_was_found_is_read_back_as_it_was(tmp_path: Path) -> None:
    first = found()
    first.machine["load"] = [1.0, 2.0, 3.0]
    assert measuring.read(measuring.write(first, tmp_path)) == first


@pytest.mark.parametrize("logarithmic", [False, True])
def test_a_chart_is_well_formed_and_longer_bars_are_larger_medians(logarithmic: bool) -> None:
    chart = Bars("a & b", "s", {"one <x>": [1.0], "Tickwork": [3.0, 2.0, 1.0], "ten": [10.0]}, logarithmic)
    root = ET.fromstring(charts.draw(chart))
    space = "{http://www.w3.org/2000/svg}"
    bars = [float(rect.get("width", 0)) for rect in root.findall(f"{space}rect")[1:]]
    assert bars == sorted(bars)
    assert len(set(bars)) == 3
    assert [text.text for text in root.findall(f"{space}text")][1:5] == ["one <x>", "1 s", "Tickwork", "2 s"]


def test_the_page_of_figures_says_what_misses() -> None:
    one = found()
    one.machine = {"load_before": 0.5, "load": [0.7, 0.6, 0.5]}
    page = charts.page([one])
    assert "| burst | times as fast | ≥ 12 × | ≥ 20 × | 10 × | 10–40 | **misses** |" in page


def test_a_day_has_as_many_firings_as_its_schedules_say() -> None:
    mix = {"minutely": 0.5, "hourly": 0.25, "daily-spread": 0.25}
    day = capacity.simulate(400, mix, sending=1_000, working=1_000)
    assert abs(day.firings - (200 * 1440 + 100 * 24 + 100)) <= 1
    assert (day.latest_sent, day.busiest["unstarted at midnight"]) == (0, 0)


def test_a_burst_is_as_late_as_it_is_large_and_slow_workers_never_catch_up() -> None:
    day = capacity.simulate(10_000, {"midnight": 1.0}, sending=1_000, working=500)
    assert (day.firings, day.latest_sent, day.latest_started) == (10_000, 10, 20)
    late = capacity.simulate(1_000, {"minutely": 1.0}, sending=1_000, working=10)
    assert late.busiest["unstarted at midnight"] > 500_000
