"""Secrets among arguments: shown masked, and put back where somebody left the mask as it was; web process."""

from __future__ import annotations

from typing import Any

from ..exceptions import InvalidInput
from ..said import said as _
from ..secrets import MASK, looks_secret, mask, mask_positional
from .task_signature import ABSENT


def masked(value: Any, name: str = "") -> Any:
    """Return a JSON value in which whatever has a secret-looking name, at any depth, is the mask.

    :param name: of the argument that holds the value
    """
    return mask({name: value})[name]


def restored(value: Any, stored: Any = ABSENT, name: str = "") -> Any:
    """Return a value that a person saw masked, with the stored secrets in the place of the masks.

    An item of a list gets them only from a stored item that is otherwise the same: by its place alone, a secret could
    go to a neighbour.

    :param stored: what the masked value was made of
    :raises InvalidInput: if a mask stands where nothing is stored
    """
    if stored is not ABSENT and value == masked(stored, name):
        return stored
    if value == MASK and looks_secret(name):
        raise InvalidInput(name, MASK, _("stands for a stored value, and none is stored here"), _("Type it in."))
    if isinstance(value, dict):
        known = stored if isinstance(stored, dict) else {}
        return {key: restored(item, known.get(key, ABSENT), str(key)) for key, item in value.items()}
    if isinstance(value, list):
        candidates = stored if isinstance(stored, list) else []
        return [restored(item, next((c for c in candidates if masked(c) == item), ABSENT)) for item in value]
    return value


def restored_unnamed(value: Any, stored: Any) -> Any:
    """Return a positional argument that nobody knows the name of, with what is stored where its texts are masked.

    :param stored: what stands in its place, or ABSENT
    :raises InvalidInput: if masks are left in a value that was changed otherwise
    """
    if stored is not ABSENT and value == mask(mask_positional(stored, "")):
        return stored
    if _holds_mask(value):
        raise InvalidInput("args", MASK, _("stands for a stored value, and none is stored here"), _("Type it in."))
    return value


def _holds_mask(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(_holds_mask(item) for item in (value.values() if isinstance(value, dict) else value))
    return bool(value == MASK)
