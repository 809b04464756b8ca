"""Makes text from tasks safe to look at: control characters made visible, terminal colours dropped; web process."""

from __future__ import annotations

import json
import re
from functools import reduce
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import pgettext

from ..exceptions import InvalidInput, shorten
from ..said import Said, spoken
from ..texts import TERMINAL_SEQUENCE

INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, DEL and C1
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"  # zero width and the direction overrides
    "\ud800-\udfff]"  # lone surrogates, which no response can encode
)
CONTROL_PICTURES = 0x2400


def harmless(value: object) -> str:
    """Return `value` as text in which nothing is invisible, reorders what it stands beside, or can't be encoded.

    Terminal sequences are dropped, control characters become their pictures (NUL is shown as ␀), and zero-width
    and direction characters become their escapes. HTML is left to the template, which escapes it.
    """
    text = TERMINAL_SEQUENCE.sub("", str(value).replace("\r\n", "\n"))
    return INVISIBLE.sub(_shown, text)


def _shown(found: re.Match[str]) -> str:
    code = ord(found[0])
    if code < 0x20:
        return chr(CONTROL_PICTURES + code)
    if code == 0x7F:
        return "\N{SYMBOL FOR DELETE}"
    return f"\\u{code:04x}"


def first_line(text: str, limit: int = 140) -> str:
    """Return the first line of `text` that says something, harmless and at most `limit` characters long."""
    for line in harmless(text[: limit * 8]).splitlines():
        if line.strip():
            line = line.strip()
            return line if len(line) <= limit else line[: limit - 1] + "…"
    return ""


def as_json(value: Any) -> str:
    """Return `value` as indented JSON to read, harmless, with its letters as they are."""
    return harmless(json.dumps(value, indent=2, ensure_ascii=False, cls=DjangoJSONEncoder))


def dotted(name: str) -> SafeString:
    """Return a name, harmless, that a narrow column may break after its dots, underscores and slashes."""
    parts = re.split(r"(?<=[._/])", harmless(name))
    return format_html_join(mark_safe("<wbr>"), "{}", ((part,) for part in parts))


def sentence(error: InvalidInput) -> str:
    """Return what is wrong with an input and how to mend it, without the input's name: it stands beside it."""
    said = {"value": shorten(error.value), "problem": spoken(error.problem)}
    return harmless(sentences(_("%(value)s %(problem)s.") % said, spoken(error.mend)))


def sentences(*given: str) -> str:
    """Return sentences one after the other, as the active language sets them; empty ones are left out."""
    found = [each for each in given if each]
    return reduce(lambda one, more: pgettext("two sentences", "%(one)s %(more)s") % {"one": one, "more": more}, found)


def explained(error: Exception) -> str:
    """Return what an error says, in the language of the page as far as it is one of ours."""
    if isinstance(error, InvalidInput):
        return _("%(field)s: %(sentence)s") % {"field": harmless(error.field), "sentence": sentence(error)}
    return harmless(spoken(error.args[0]) if error.args and isinstance(error.args[0], Said) else error)
