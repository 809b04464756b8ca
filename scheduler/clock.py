"""The time, in one place, so that tests can hold it still; all processes."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """Return the current instant in UTC, by this host's clock."""
    return datetime.now(UTC)
