"""Cuts and cleans what tasks produce, so that every database and every page can hold it; worker and engine."""

from __future__ import annotations

import json
import re
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder

EXCEPTION_CHARS = 10_000
LIBRARY_EXCEPTION_CHARS = 1_000  # django-apscheduler's column
CUT = "… (cut)"

TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
"""CSI, OSC and two-character escape sequences (ECMA-48, sections 5.3–5.6)."""


def clean(text: str, limit: int) -> str:
    """Return `text` without NUL bytes and lone surrogates, which PostgreSQL refuses, and at most `limit` characters."""
    text = text.replace("\x00", "\N{SYMBOL FOR NULL}").encode("utf-8", "replace").decode("utf-8")
    return text if len(text) <= limit else text[: limit - len(CUT)] + CUT


def clean_end(text: str, limit: int) -> str:
    """Like `clean`, but keeps the end, which is the part of a traceback that tells."""
    text = clean(text, len(text) + len(CUT))
    return text if len(text) <= limit else CUT + "\n" + text[-(limit - len(CUT) - 1) :]


def to_json(value: Any, limit: int) -> str:
    """Return `value` as JSON of at most `limit` bytes; what JSON can't say or is too long becomes its repr, cut."""
    try:
        text = json.dumps(value, cls=DjangoJSONEncoder, allow_nan=False)
    except Exception:  # unserializable, endless, too deep, NaN, or a broken __repr__ of the user's
        text = json.dumps(clean(_repr(value), limit // 6))
    if len(text) > limit:
        text = json.dumps(clean(text, limit // 6))
    if "\\u0000" in text or "\\ud" in text.lower():
        text = json.dumps(_clean_tree(json.loads(text)))
    return text


def _repr(value: Any) -> str:
    try:
        return repr(value)
    except Exception as error:
        return f"<{type(value).__name__} whose repr fails: {type(error).__name__}>"


def _clean_tree(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value, len(value) + len(CUT))
    if isinstance(value, list):
        return [_clean_tree(item) for item in value]
    if isinstance(value, dict):
        return {_clean_tree(key): _clean_tree(item) for key, item in value.items()}
    return value
