"""States are told by icon and word, in colours that can be read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import scheduler
from scheduler.admin.badges import LOOKS, badge
from scheduler.models import State

CSS = (Path(scheduler.__file__).parent / "static/scheduler/admin.css").read_text()


@pytest.mark.parametrize(
    "state", [*State, "scheduled", "paused", "finished", "broken", "removed", "alive", "stale", "stopped"]
)
def test_each_state_has_an_icon_a_word_and_a_tone(state: str) -> None:
    shown = badge(state)
    assert "<svg" in shown and f"</svg>{state}" in shown
    assert f".sched-{LOOKS[state].tone}" in CSS


def test_an_unknown_state_is_shown_by_its_name_and_escaped() -> None:
    assert "&lt;b&gt;" in badge("<b>") and 'title="&quot;"' in badge("<b>", '"')


def luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_tone_has_the_contrast_that_wcag_aa_asks_for_in_both_schemes() -> None:
    pairs = re.findall(r"--sched-(\w+)-fg: (#\w{6}); --sched-\1-bg: (#\w{6});", CSS)
    assert len(pairs) == 3 * 6  # light, dark by the system, dark by choice
    for tone, text, ground in pairs:
        low, high = sorted((luminance(text), luminance(ground)))
        assert (high + 0.05) / (low + 0.05) >= 4.5, tone


def test_nothing_is_loaded_from_another_host_and_no_script_is_inline() -> None:
    folder = Path(scheduler.__file__).parent
    for path in [*(folder / "templates/admin/scheduler").rglob("*.html"), *(folder / "static/scheduler").glob("*.*")]:
        text = path.read_text()
        assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text), path
        assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|\son\w+=", text), path
