"""What a task says of itself: its parameters with their type hints, and its docstring; web process."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from typing import Any

from ..known_tasks import registered_tasks

ABSENT: Any = inspect.Parameter.empty
"""Stands for an argument that is not given, a default or a type hint that there is none of."""
POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_FIELD_LIST = re.compile(r"^:(?:param|arg|argument)\s+(?:[^:]*\s)?\*{0,2}(\w+)\s*:\s*(.*)$")
_SECTION = re.compile(r"^(?:Args|Arguments|Parameters|Keyword Args):$")
_SECTION_ITEM = re.compile(r"^\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)$")


@dataclass(frozen=True)
class Parameter:
    """One parameter of a task."""

    name: str
    kind: Any
    """Of `inspect.Parameter`."""
    hint: Any = ABSENT
    default: Any = ABSENT
    doc: str = ""


@dataclass(frozen=True)
class Signature:
    """A task's parameters in order; None where this process does not know the task, or Python can't tell."""

    parameters: list[Parameter] | None
    summary: str = ""
    """What the docstring says, without what it says of the parameters."""


def signature_of(task: str) -> Signature:
    """Return what is known here of the task of this name."""
    found = registered_tasks().get(task)
    if found is None:
        return Signature(None)
    text = inspect.getdoc(found.run) or ""
    summary, docs = _read_doc(text)
    try:
        given = list(inspect.signature(found.run).parameters.values())
    except (TypeError, ValueError):  # a task whose body is written in C tells nothing
        return Signature(None, summary)
    scope = getattr(inspect.unwrap(found.run), "__globals__", {})
    parameters = [
        Parameter(each.name, each.kind, _evaluated(each.annotation, scope), each.default, docs.get(each.name, ""))
        for each in given
    ]
    return Signature(parameters, summary)


def summary_of(task: str) -> str:
    """Return the first line of a task's docstring."""
    found = registered_tasks().get(task)
    text = (inspect.getdoc(found.run) or "") if found is not None else ""
    return text.strip().split("\n\n")[0].replace("\n", " ")


def _evaluated(hint: Any, scope: dict[str, Any]) -> Any:
    """Return a type hint that `from __future__ import annotations` has left as text; ABSENT where it can't be read."""
    if not isinstance(hint, str):
        return hint
    try:
        return eval(hint, scope)  # noqa: S307  the task's own source, in its own module, as inspect would
    except Exception:  # it may name what is imported for type checkers alone
        return ABSENT


def _read_doc(text: str) -> tuple[str, dict[str, str]]:
    """Split a docstring into its text and what it says of each parameter (`:param x:` or a section `Args:`)."""
    rest: list[str] = []
    docs: dict[str, str] = {}
    current, section, indent = "", -1, 0
    for line in text.splitlines():
        bare, depth = line.strip(), len(line) - len(line.lstrip())
        if section >= 0 and bare and depth <= section:
            section, current = -1, ""
        field = _FIELD_LIST.match(bare) or (_SECTION_ITEM.match(bare) if section >= 0 and depth <= indent else None)
        if _SECTION.match(bare):
            section, indent, current = depth, depth + 4, ""
        elif field:
            current, indent = field[1], depth if section >= 0 else indent
            docs[current] = field[2].strip()
        elif bare.startswith(":"):  # :raises X:, :return:
            current = "\0"
        elif current and bare:
            docs[current] = f"{docs.get(current, '')} {bare}".strip()
        elif not current and section < 0:
            rest.append(line)
        if not bare and section < 0:
            current = ""
    docs.pop("\0", None)
    return "\n".join(rest).strip(), docs
