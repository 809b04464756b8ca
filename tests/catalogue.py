"""Reads a catalogue of translations (a .po file), without gettext's programs."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = sorted(ROOT.glob("*/locale/*/LC_MESSAGES/*.po"))
PLACE = re.compile(r"%\(\w+\)[sdrg]|%[sd]|%\.1f|%%|\{\w*\}")


@dataclass
class Entry:
    """One text and its translations, one for each of the language's plural forms."""

    flags: set[str] = field(default_factory=set)
    context: str = ""
    text: str = ""
    plural: str = ""
    translations: list[str] = field(default_factory=list)

    def keys(self) -> list[str | tuple[str, int]]:
        """Return what a compiled catalogue has for it."""
        text = f"{self.context}\x04{self.text}" if self.context else self.text
        return [(text, form) for form in range(len(self.translations))] if self.plural else [text]

    def places(self) -> tuple[list[str], list[list[str]]]:
        """Return what is filled into the text, and into each translation."""
        return sorted(PLACE.findall(self.plural or self.text)), [sorted(PLACE.findall(t)) for t in self.translations]


def read(path: Path) -> list[Entry]:
    """Return the entries of a catalogue, its head as the first."""
    return [_entry(block) for block in path.read_text(encoding="utf-8").strip().split("\n\n")]


def _entry(block: str) -> Entry:
    found = Entry()
    keyword = ""
    for line in block.split("\n"):
        if line.startswith("#"):
            found.flags |= set(line[2:].split(", ")) if line.startswith("#,") else set()
            continue
        if not line.startswith('"'):
            keyword, _space, line = line.partition(" ")
            if keyword.startswith("msgstr"):
                found.translations.append("")
        said = ast.literal_eval(line)
        if keyword == "msgctxt":
            found.context += said
        elif keyword == "msgid":
            found.text += said
        elif keyword == "msgid_plural":
            found.plural += said
        else:
            found.translations[-1] += said
    found.flags = {flag.strip() for flag in found.flags}
    return found
