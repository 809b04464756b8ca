"""Forms that ask for one thing, however often they are sent; web process."""

from __future__ import annotations

from hashlib import blake2b
from uuid import UUID, uuid4


def new_token() -> str:
    """Return what makes a form one of its kind; it is sent with the form."""
    return str(uuid4())


def id_of(token: str, key: object) -> UUID:
    """Return the id of the run that a form asks for: the same form, sent again, asks for the same run.

    :param token: the form's own
    :param key: of the job or run that is to be run
    """
    return UUID(bytes=blake2b(f"{token}\n{key}".encode("utf-8", "replace"), digest_size=16).digest(), version=4)
