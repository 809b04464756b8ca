"""What tasks did, told by themselves: a file that they append lines to."""

from __future__ import annotations

from pathlib import Path


class Ledger:
    """`str(ledger)` is the path that a task is given, `ledger()` its lines."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __str__(self) -> str:
        return str(self.path)

    def __call__(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []
