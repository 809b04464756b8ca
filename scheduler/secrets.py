"""Masks what arguments with secret-looking names hold, wherever arguments, logs and errors are shown; all processes.

`mask` is for JSON trees, `mask_arguments` for the arguments of a job or run, `concealer` for texts of a run's task.
What is stored stays true: a run needs it, and so does running it again.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from . import conf
from .signatures import parameter_names

MASK = "*****"
NAMES = (
    "password", "passwd", "passphrase", "pwd", "secret", "token", "api_key", "access_key", "private_key",
    "authorization", "credential", "cookie",
)  # fmt: skip
"""Names that look secret, also as parts of longer ones; the setting `SECRET_NAMES` adds to them."""
SHORTEST = 4
"""Characters from which on a secret is looked for in texts; shorter ones would mask half of them."""
SHORTEST_LINE = 8
"""The same for one line of a secret that has several, such as a private key."""


def looks_secret(name: str) -> bool:
    """Tell whether an argument of this name is masked; case, dashes, dots and underscores make no difference."""
    return _looks_secret(str(name), tuple(conf.get("SECRET_NAMES")))


@lru_cache(maxsize=4096)
def _looks_secret(name: str, more: tuple[str, ...]) -> bool:
    bare = _bare(name)
    return any(part in bare for part in map(_bare, (*NAMES, *more)) if part)


def _bare(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def mask(value: Any) -> Any:
    """Return a JSON value in which whatever a secret-looking key holds, at any depth, is `*****`."""
    try:
        return _mask(value)
    except RecursionError:
        return MASK


def _mask(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _hide(item) if looks_secret(key) else _mask(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_mask(item) for item in value]
    return value


def _hide(value: Any) -> Any:
    """Return the mask; what can't hold a secret (nothing, yes or no) is shown."""
    return value if value is None or isinstance(value, bool) or value == "" else MASK


def mask_arguments(task: str, args: Any, kwargs: Any) -> tuple[Any, Any]:
    """Return the arguments of a job or run as they may be shown.

    :param task: its name; the names of positional arguments come from its signature, as it is known here or to workers
    """
    if isinstance(args, list) and args:
        named = zip(parameter_names(task, len(args)), args, strict=True)
        args = [mask_positional(arg, name) for name, arg in named]
    return mask(args), mask(kwargs)


def mask_positional(value: Any, name: str) -> Any:
    """Return a positional argument as it may be shown. Of one without a name, which may be a secret, no text is.

    :param name: of the parameter; empty where nobody knows it
    """
    if name:
        return _hide(value) if looks_secret(name) else value
    try:
        return _hide_texts(value)
    except RecursionError:
        return MASK


def _hide_texts(value: Any) -> Any:
    if isinstance(value, list):
        return [_hide_texts(item) for item in value]
    return _hide(value) if isinstance(value, str) else value


def concealer(task: str, args: Any, kwargs: Any) -> Callable[[str], str]:
    """Return a function that masks the values of these arguments' secrets in a text, however they are written in it."""
    given = args if isinstance(args, list) else []
    hidden = [arg for name, arg in zip(parameter_names(task, len(given)), given, strict=True) if looks_secret(name)]
    texts = {spelling for secret in _secret_texts(hidden, [args, kwargs]) for spelling in _spellings(secret)}
    if not texts:
        return str
    pattern = re.compile("|".join(re.escape(text) for text in sorted(texts, key=len, reverse=True)))
    return lambda text: pattern.sub(MASK, text)


def _secret_texts(hidden: Any, shown: Any) -> Iterator[str]:
    """Yield the strings of a value that is hidden as a whole, and those of another that stand under a secret key."""
    left = [(hidden, True), (shown, False)]
    while left:
        value, is_secret = left.pop()
        if isinstance(value, dict):
            left += [(item, is_secret or looks_secret(key)) for key, item in value.items()]
        elif isinstance(value, list):
            left += [(item, is_secret) for item in value]
        elif isinstance(value, str) and is_secret and len(value) >= SHORTEST:
            yield value


def _spellings(secret: str) -> Iterator[str]:
    """Yield a secret as it is, as repr and JSON write it, as it stands in an address, and each of its lines."""
    yield secret
    yield repr(secret)[1:-1]
    yield json.dumps(secret)[1:-1]
    yield quote(secret, safe="")
    if "\n" in secret:
        yield from (line for line in secret.splitlines() if len(line) >= SHORTEST_LINE)
