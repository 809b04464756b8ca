"""Draws a benchmark's chart as SVG, from its JSON alone: `python -m benchmarks.charts` draws all for the docs."""

from __future__ import annotations

import math
import statistics
from html import escape
from pathlib import Path

from benchmarks.measuring import Bars, read

FOUND = Path("var/benchmarks")
DRAWN = Path("docs/images/benchmarks")
WIDTH, LABEL, VALUE, ROW, TOP = 760, 230, 150, 30, 48
OURS, THEIRS, LIMIT = "#1b7f5c", "#8a8f98", "#b8860b"
"""Seen on white and on dark pages alike; who is who stands in words beside each bar."""


def draw(bars: Bars) -> str:
    """Return the chart as SVG: a bar up to the median of each row, a line over the spread of its rounds."""
    rows = {label: values for label, values in bars.rows.items() if values}
    reach = _reach(bars, rows)
    height = TOP + ROW * len(rows) + 10
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"'
        ' font-family="system-ui, sans-serif" font-size="13">',
        f"<title>{escape(bars.title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="6" fill="#ffffff"/>',
        f'<text x="12" y="22" font-weight="600" fill="#1f2328">{escape(_heading(bars))}</text>',
    ]
    for number, (label, values) in enumerate(rows.items()):
        parts += _row(TOP + ROW * number, label, values, bars.unit, reach)
    return "\n".join([*parts, "</svg>\n"])


def _heading(bars: Bars) -> str:
    scale = ", each bar's length by its logarithm" if bars.logarithmic else ""
    return f"{bars.title}{f' ({bars.unit}{scale})' if bars.unit else ''}"


def _reach(bars: Bars, rows: dict[str, list[float]]) -> tuple[float, float, bool]:
    every = [value for values in rows.values() for value in values if value > 0] or [1.0]
    return (min(every) / 2 if bars.logarithmic else 0.0), max(every), bars.logarithmic


def _x(value: float, reach: tuple[float, float, bool]) -> float:
    least, most, logarithmic = reach
    if logarithmic:
        share = math.log(max(value, least) / least) / math.log(most / least)
    else:
        share = value / most
    return LABEL + share * (WIDTH - LABEL - VALUE)


def _row(top: float, label: str, values: list[float], unit: str, reach: tuple[float, float, bool]) -> list[str]:
    middle, median = top + ROW / 2, statistics.median(values)
    end, low, high = _x(median, reach), _x(min(values), reach), _x(max(values), reach)
    colour = OURS if "Tickwork" in label else LIMIT if label == "limit" else THEIRS
    told = f"{median:,.3g} {unit}" if median < 1000 else f"{median:,.0f} {unit}"
    return [
        f'<text x="{LABEL - 8}" y="{middle + 4:.0f}" text-anchor="end" fill="#1f2328">{escape(label)}</text>',
        f'<rect x="{LABEL}" y="{top + 5:.0f}" width="{max(end - LABEL, 1):.1f}" height="{ROW - 10}" fill="{colour}"/>',
        f'<path d="M{low:.1f} {middle:.0f}H{high:.1f}" stroke="#1f2328" stroke-width="2"/>',
        f'<text x="{max(end, high) + 8:.1f}" y="{middle + 4:.0f}" fill="#1f2328">{escape(told.strip())}</text>',
    ]


def main() -> None:
    DRAWN.mkdir(parents=True, exist_ok=True)
    for path in sorted(FOUND.glob("*.json")):
        (DRAWN / f"{path.stem}.svg").write_text(draw(read(path).chart))


if __name__ == "__main__":
    main()
