"""Tasks with signatures of every kind, for the form that is made from them."""

from __future__ import annotations

import datetime
import enum
import uuid
from typing import TYPE_CHECKING, Annotated, Any, Literal

from celery import shared_task

if TYPE_CHECKING:
    from decimal import Decimal


class Region(enum.Enum):
    NORTH = "n"
    SOUTH = "s"


@shared_task
def greet(name: str, times: int = 1, *, loud: bool = False, tone: Literal["warm", "cool"] = "warm") -> str:
    """Say hello.

    It says it as often as asked.

    :param name: who is greeted
    :param times: how often,
        from 1
    :raises ValueError: never
    """
    text = f"hello {name}, {tone}" * times
    return text.upper() if loud else text


@shared_task
def log_in(user: str, password: str, servers: list[dict[str, Any]] | None = None) -> str:
    """Log in.

    Args:
        user: the account
        password (str): its password,
            kept secret
    """
    return user


@shared_task(bind=True)
def take_all_types(
    self: Any,
    number: int,
    share: float = 0.5,
    text: str = "plain",
    flag: bool = True,
    maybe: bool | None = None,
    day: datetime.date | None = None,
    at: datetime.datetime | None = None,
    time: datetime.time | None = None,
    region: Region = Region.NORTH,
    level: Literal[1, 2, 3] = 1,
    numbers: list[int] | None = None,
    table: dict[str, float] | None = None,
    either: int | str = 1,
    anything: Any = None,
    key: uuid.UUID | None = None,
    noted: Annotated[int, "note"] = 7,
    cost: Decimal | None = None,
) -> None:
    """Takes everything."""


@shared_task
def take_some_by_place(first: int, second: int = 2, /, third: int = 3, *others: Any, **more: Any) -> None:
    """Has parameters of every kind."""


@shared_task
def untyped(to, subject="Hello", count=3):  # type: ignore[no-untyped-def]
    """Has no type hints."""
