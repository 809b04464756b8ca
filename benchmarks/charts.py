"""Draws benchmarks' charts as SVG and writes docs/figures.md, from their JSON alone: `make charts`."""

from __future__ import annotations

import math
import statistics
from html import escape
from pathlib import Path

from benchmarks.measuring import Bars, Found, Judged, read

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


def page(every: list[Found]) -> str:
    """Return the page of figures: what is required and what was measured, with what the machine did besides."""
    lines = [
        "# Figures", "",
        "Written by `make charts` from what was measured; [Performance](performance.md) says how to read it.",
        "",
        "| benchmark | figure | required | aim | median | spread | |",
        "|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for found in every:
        for each in found.judged:
            spread = f"{min(each.values):.3g}–{max(each.values):.3g}"
            bars = [sign(each, bar) for bar in (each.required, each.aim)]
            verdict = "" if each.required is None else each.verdict.replace("MISSES", "**misses**")
            lines.append(
                f"| {found.benchmark} | {each.what} | {bars[0]} | {bars[1]} | {each.median:.3g} {each.unit}"
                f" | {spread} | {verdict} |"
            )
    for found in every:
        size = ", ".join(f"{key} {value}" for key, value in found.size.items())
        load = f"{found.machine['load_before']:.1f} before, {found.machine['load'][0]:.1f} after"
        lines += ["", f"## {found.benchmark}", "", f"{found.title}. {size}. {found.at}; load of the machine: {load}."]
        lines += ["", f"![{found.chart.title}](images/benchmarks/{found.benchmark}.svg)"]
        lines += ["", "| | " + " | ".join(_measures(found)) + " |", "|---" * (len(_measures(found)) + 1) + "|"]
        for name, measures in found.systems.items():
            cells = [f"{statistics.median(measures[key]):.4g}" if key in measures else "" for key in _measures(found)]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def sign(judged: Judged, bar: float | None) -> str:
    """Return a bar with its direction."""
    return "" if bar is None else f"{'≥' if judged.better == 'more' else '≤'} {bar:g} {judged.unit}".strip()


def _measures(found: Found) -> list[str]:
    return list(dict.fromkeys(key for measures in found.systems.values() for key in measures))


def main() -> None:
    """Draw every chart and write the page."""
    DRAWN.mkdir(parents=True, exist_ok=True)
    every = [read(path) for path in sorted(FOUND.glob("*.json"))]
    for found in every:
        (DRAWN / f"{found.benchmark}.svg").write_text(draw(found.chart))
    (DRAWN.parents[1] / "figures.md").write_text(page(every))


if __name__ == "__main__":
    main()
