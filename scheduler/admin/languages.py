"""Which languages a viewer may choose, where the project has Django's view for that; web process."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils.translation import get_language, get_language_info


@dataclass(frozen=True)
class Language:
    """A language of the project: its code, what it calls itself, and whether the page is in it."""

    code: str
    name: str
    is_chosen: bool


def address() -> str:
    """Return the address of Django's view `set_language`; empty where the project has none."""
    try:
        return reverse("set_language")
    except NoReverseMatch:
        return ""


def languages() -> list[Language]:
    """Return the languages to choose from; none where there is no choice."""
    if len(settings.LANGUAGES) < 2:
        return []
    return [Language(code, _own_name(code, name), code == get_language()) for code, name in settings.LANGUAGES]


def _own_name(code: str, name: str) -> str:
    try:
        return str(get_language_info(code)["name_local"])
    except KeyError:  # one that Django doesn't know
        return str(name)
