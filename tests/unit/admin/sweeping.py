"""What a page shows that nobody has translated: its texts, held against the catalogue's English ones."""

from __future__ import annotations

import re
from functools import cache
from html.parser import HTMLParser

from tests.catalogue import CATALOGUES, PLACE, read

SILENT = ("script", "style", "code", "pre")
"""Elements whose content is no text of ours: commands, data, logs."""
TELLING = ("title", "aria-label", "placeholder", "alt", "data-label", "data-now", "data-ago", "data-away", "data-gone",
           "data-pause", "data-resume", "data-paused", "data-done", "label", "value")  # fmt: skip
"""Attributes that people see or hear, `value` on buttons alone."""
LETTERS = 8
"""Of a text with gaps: so many have to stand in it, lest it fits what it was not made for."""


class Shown(HTMLParser):
    """The texts of a page, in its order, and the language that it says it is in."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.language = ""
        self._silent = 0
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if tag == "html":
            self.language = told.get("lang") or ""
        self._silent += tag in SILENT
        is_button = tag == "input" and told.get("type") in ("submit", "button")
        self.texts += [
            " ".join(text.split())
            for name, text in attrs
            if text and name in TELLING and (name != "value" or is_button)
        ]

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in SILENT

    def handle_data(self, data: str) -> None:
        text = " ".join(data.split())
        if text and not self._silent:
            self.texts.append(text)


@cache
def _english() -> tuple[frozenset[str], list[re.Pattern[str]]]:
    """Return the catalogues' texts that are translated otherwise: whole ones, and those with gaps."""
    whole, gaps = set(), []
    for path in CATALOGUES:
        for entry in read(path)[1:]:
            for text in filter(None, (entry.text, entry.plural)):
                if text in entry.translations:
                    continue
                fixed = PLACE.split(text)
                if len(fixed) == 1:
                    whole.add(" ".join(text.split()))
                elif sum(len(re.findall("[A-Za-z]", part)) for part in fixed) >= LETTERS:
                    gaps.append(re.compile(".+".join(map(re.escape, fixed))))
    return frozenset(whole), gaps


def untranslated(page: str, *but: str) -> list[str]:
    """Return the texts that a page shows in English though the catalogues have them.

    :param but: what a page may show, for it is data
    """
    whole, gaps = _english()
    return [
        text
        for text in Shown(page).texts
        if text not in but and (text in whole or any(shape.fullmatch(text) for shape in gaps))
    ]
