"""What all measurements share: alternating rounds, medians and ratios with their spread, JSON, and what is printed."""

from __future__ import annotations

import json
import os
import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, Literal

Measures = dict[str, float]
"""What one run of one system gave: names that say their unit, and numbers."""
System = Callable[[], Measures]


@dataclass
class Judged:
    """A figure that is held against what is required; one value for each round."""

    what: str
    values: list[float]
    required: float | None = None
    aim: float | None = None
    better: Literal["more", "less"] = "more"
    unit: str = ""

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    def reaches(self, bar: float | None) -> bool:
        """Whether every round is as good as `bar`; no bar is always reached."""
        return bar is None or all(value >= bar if self.better == "more" else value <= bar for value in self.values)

    @property
    def verdict(self) -> str:
        """In a word: what holds in some rounds only was measured on a machine that others used, or is near its bar."""
        if self.required is None or self.reaches(self.required):
            return "holds"
        median = Judged(self.what, [self.median], better=self.better)
        return "unclear" if median.reaches(self.required) else "MISSES"


@dataclass
class Bars:
    """The chart of a benchmark: one bar for each label, as long as the median, with the spread of the rounds."""

    title: str
    unit: str
    rows: dict[str, list[float]]
    logarithmic: bool = False


@dataclass
class Found:
    """What a benchmark has found."""

    benchmark: str
    title: str
    size: dict[str, Any]
    systems: dict[str, dict[str, list[float]]]
    judged: list[Judged]
    chart: Bars
    notes: list[str] = field(default_factory=list)
    at: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    machine: dict[str, Any] = field(default_factory=lambda: {"cores": os.cpu_count(), "load": os.getloadavg()})


def alternate(systems: Mapping[str, System], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Measure every system `rounds` times, one after the other in each round, so that all meet the same machine."""
    found: dict[str, dict[str, list[float]]] = {name: {} for name in systems}
    for number in range(1, rounds + 1):
        for name, measure in systems.items():
            load = os.getloadavg()[0]
            measures = measure()
            for key, value in measures.items():
                found[name].setdefault(key, []).append(value)
            told = ", ".join(f"{key} {value:.4g}" for key, value in measures.items())
            print(f"  round {number}, {name}: {told} (load {load:.1f})", file=sys.stderr, flush=True)
    return found


def ratios(over: Sequence[float], under: Sequence[float]) -> list[float]:
    """Return one system's values as multiples of another's, round by round."""
    return [a / b for a, b in zip(over, under, strict=True) if b]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least of the values that `share` (from 0 to 1) of them do not exceed: the nearest rank."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]


def write(found: Found, folder: Path) -> Path:
    """Write what was found as JSON, and return where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{found.benchmark}.json"
    path.write_text(json.dumps(asdict(found), indent=1) + "\n")
    return path


def read(path: Path) -> Found:
    """Read what `write` has written."""
    told = json.loads(path.read_text())
    told["judged"] = [Judged(**each) for each in told["judged"]]
    told["chart"] = Bars(**told["chart"])
    return Found(**told)


def show(found: Found) -> str:
    """Return a report for people: medians with their spread, and what is judged."""
    size = ", ".join(f"{key} {value}" for key, value in found.size.items())
    lines = [f"{found.benchmark}: {found.title} ({size})"]
    for name, measures in found.systems.items():
        lines += [f"  {name:<26} {key:<26} {_spread(values)}" for key, values in measures.items()]
    for each in found.judged:
        bars = [f"required {each.required:g}"] if each.required is not None else []
        bars += [f"aim {each.aim:g}"] if each.aim is not None else []
        lines.append(
            f"  {each.verdict:<7} {each.what}: {_spread(each.values)} {each.unit} ({', '.join(bars) or 'no bar'})"
        )
    return "\n".join([*lines, *(f"  {note}" for note in found.notes)])


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.median(values):10.4g}   ({min(values):.4g}–{max(values):.4g})"
