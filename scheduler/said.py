"""English text that remembers its pattern, so that a page can say it in its reader's language; in all processes."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext


class Said(str):
    """A text in English, for logs, commands and the database; `spoken` says it in the language of a page."""

    pattern: str
    values: dict[str, Any]

    def __new__(cls, text: str, pattern: str = "", values: dict[str, Any] | None = None) -> Said:
        found = super().__new__(cls, text)
        found.pattern, found.values = pattern or text, values or {}
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (str(self), self.pattern, self.values)


def said(pattern: str, /, **values: Any) -> Said:
    """Return `pattern % values`, in English. Modules import it as `_`, so that `make messages` finds the patterns."""
    return Said(pattern % values if values else pattern, pattern, values)


def spoken(text: str) -> str:
    """Return a text in the active language, if it remembers its pattern; any other as it is."""
    if not isinstance(text, Said) or not text.pattern:
        return text
    translated = gettext(text.pattern)
    if not text.values:
        return translated
    return translated % {name: spoken(each) if isinstance(each, Said) else each for name, each in text.values.items()}
