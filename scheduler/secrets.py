"""Masks what arguments with secret-looking names hold, wherever arguments, logs and errors are shown; all processes.

`mask` is for JSON trees, `mask_arguments` for the arguments of a job or run, `concealer` for texts of a run's task.
What is stored stays true: a run needs it, and so does running it again.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import quote

from celery import current_app

from . import conf

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

    :param task: its name; the signature tells the names of positional arguments, where this process knows the task
    """
    if isinstance(args, list) and args:
        names = parameter_names(task, len(args))
        args = [_hide(arg) if looks_secret(name) else arg for name, arg in zip(names, args, strict=True)]
    return mask(args), mask(kwargs)


def parameter_names(task: str, count: int) -> list[str]:
    """Return the names of a task's first `count` positional arguments; empty ones where nobody knows."""
    known = current_app.tasks.get(task)
    if known is None:
        from . import arguments  # which imports this module

        known = arguments.registered_tasks().get(task)
    names, rest = _parameters(known.run) if known is not None else ((), "")
    return [*names[:count], *[rest] * (count - len(names))]


@lru_cache(maxsize=1024)
def _parameters(function: Callable[..., Any]) -> tuple[tuple[str, ...], str]:
    """Return the names of a function's positional parameters, and of the one that takes the rest (`*args`)."""
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # written in C
        return (), ""
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    rest = [each.name for each in parameters if each.kind is inspect.Parameter.VAR_POSITIONAL]
    return tuple(each.name for each in parameters if each.kind in positional), rest[0] if rest else ""


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
