"""Lists as files, CSV for spreadsheets and JSON for programs, streamed a few rows at a time; web process."""

from __future__ import annotations

import csv
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, StreamingHttpResponse

from .. import clock

PARAMETER: Final = "export"
FORMATS: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
ROWS_AT_ONCE = 100
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the beginning of a formula (OWASP, "CSV Injection")."""
BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""Without it Excel takes a CSV file for one in the old encoding of its country."""

Document = dict[str, Any]


def links(request: HttpRequest) -> list[tuple[str, str]]:
    """Return the name of each format, and the address of the list that this request shows in it."""
    parameters = request.GET.copy()
    for passing in ("p", "e", PARAMETER):
        parameters.pop(passing, None)
    found = []
    for name in FORMATS:
        parameters[PARAMETER] = name
        found.append((name.upper(), f"?{parameters.urlencode()}"))
    return found


def as_file(
    request: HttpRequest, name: str, kind: str, columns: Sequence[str], documents: Iterable[Document]
) -> StreamingHttpResponse:
    """Return a download of documents, made while it is sent.

    :param name: what they are, for the file's name
    :param kind: a key of `FORMATS`
    :param columns: the keys of a document that the file has, in this order
    """
    parts = (as_csv if kind == "csv" else as_json)(columns, documents)
    return streamed(request, parts, FORMATS[kind], f"{name}-{clock.now():%Y-%m-%d-%H%M}.{kind}")


def streamed(request: HttpRequest, parts: Iterator[bytes], content_type: str, filename: str) -> StreamingHttpResponse:
    """Return a download that is made while it is sent, also where the server is an asynchronous one."""
    stream: Any = _in_threads(parts) if isinstance(request, ASGIRequest) else parts
    return StreamingHttpResponse(
        stream,
        content_type=content_type,
        headers={
            "Content-Disposition": f'attachment; filename="{filename}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


async def _in_threads(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Yield what a blocking iterator has. Django would take all of it into memory first."""
    end = object()
    following: Any = sync_to_async(next)
    while (part := await following(parts, end)) is not end:
        yield part


def as_csv(columns: Sequence[str], documents: Iterable[Document]) -> Iterator[bytes]:
    """Yield a CSV file in parts; what is no number or text stands in its cell as JSON."""
    writer = csv.writer(_Echo())
    yield (BYTE_ORDER_MARK + writer.writerow(columns)).encode()
    for some in _batches(documents):
        rows = (writer.writerow([cell(document[column]) for column in columns]) for document in some)
        yield "".join(rows).encode("utf-8", "replace")


def as_json(columns: Sequence[str], documents: Iterable[Document]) -> Iterator[bytes]:
    """Yield one JSON list in parts, an object on each line."""
    before = "[\n"
    for some in _batches(documents):
        lines = (
            json.dumps({column: document[column] for column in columns}, ensure_ascii=False, cls=DjangoJSONEncoder)
            for document in some
        )
        yield (before + ",\n".join(lines)).encode("utf-8", "backslashreplace")  # half a character becomes its escape
        before = ",\n"
    yield b"[]\n" if before == "[\n" else b"\n]\n"


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    left = iter(documents)
    while some := list(islice(left, ROWS_AT_ONCE)):
        yield some


def cell(value: Any) -> Any:
    """Return a value as a CSV file has it, so that no spreadsheet takes a text for a formula."""
    if value is None or isinstance(value, bool | int | float):
        return value
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, cls=DjangoJSONEncoder)
    return "'" + text if text.startswith(FORMULA) else text


class _Echo:
    """A file that hands out what is written into it."""

    def write(self, text: str) -> str:
        return text
