"""Remembers for seconds what is dear to compute, where the cache of the project's settings answers; web process."""

from __future__ import annotations

import logging
from collections.abc import Callable
from hashlib import blake2b
from typing import TypeVar

from django.core.cache import cache
from django.utils.translation import get_language

T = TypeVar("T")
logger = logging.getLogger(__name__)


def remembered(seconds: float, compute: Callable[[], T], *key: object) -> T:
    """Return what `compute` returned for this key, in this language, within the last so many seconds, or does now.

    A cache that is away, as the broker may be whose server it shares, is no reason to show nothing.

    :param key: what the value depends on, besides the language
    """
    digest = blake2b(repr((get_language(), *key)).encode("utf-8", "surrogatepass"), digest_size=16)
    name = f"tickwork:{digest.hexdigest()}"
    try:
        found: T | None = cache.get(name)
    except Exception as error:
        logger.info("The cache can't be read: %s", error)
        return compute()
    if found is not None:
        return found
    value = compute()
    try:
        cache.set(name, value, seconds)
    except Exception as error:
        logger.info("The cache can't be written: %s", error)
    return value
