"""The log of a run: its end on the page, what came since, and all of it as a file; web process."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import PermissionDenied
from django.db.models import Max
from django.db.models.functions import Length
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from ..exceptions import RunNotFound
from ..models import RunLog, TaskRun
from ..runs import get
from ..runs.logs import Piece, read_log, whole_log
from . import zones
from .exporting import streamed
from .text import explained, harmless

SHOWN_CHARS = 200_000
"""How much of a log's end a page begins with, and how much it fetches at once."""
MOST_PIECES, MOST_LINES = 2_000, 5_000
NOT_STORED = {"Cache-Control": "no-store"}
LINE_CHARS = 10_000
LINE: Final = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (\S+) *(.*)")
"""A line as the capture writes it: when, how grave, what."""
TONES = {
    "WARNING": "warn", "ERROR": "bad", "CRITICAL": "bad", "FATAL": "bad", "STDERR": "warn", "DEBUG": "quiet",
    "NOTE": "busy",
}  # fmt: skip


def may_read(request: HttpRequest) -> bool:
    """Whether the user may read the logs of runs."""
    return bool(request.user.has_perm("scheduler.view_logs"))


def last_number(run_id: uuid.UUID) -> int:
    """Return the number of the last piece of a run's log; 0 where there is none."""
    return int(RunLog.objects.filter(run_id=run_id).aggregate(last=Max("number"))["last"] or 0)


def the_end(run: TaskRun) -> dict[str, Any]:
    """Return what the page shows of a run's log when it is opened: its end, and whether there is more before it."""
    sizes = RunLog.objects.filter(run_id=run.pk).order_by("-number").values_list("number", Length("text"))
    first, size = 0, 0
    for number, length in sizes[:MOST_PIECES]:
        size += length
        if first and size > SHOWN_CHARS:
            break
        first = number
    shown = _lines(run, read_log(run.pk, after=first - 1, limit=MOST_PIECES) if first else [])
    return {**shown, "is_cut": shown["is_cut"] or first > 1}


@zones.in_viewers_zone
def following(admin: Any, request: HttpRequest, run_id: uuid.UUID) -> HttpResponse:
    """Answer with the lines after a piece, for the page that has those before it.

    :raises Http404: if there is no such run
    """
    run = _run(admin, request, run_id)
    after = request.GET.get("after", "")
    pieces: list[Piece] = []
    for piece in read_log(run.pk, after=int(after) if after.isdecimal() and len(after) < 10 else 0):
        if pieces and sum(len(each.text) for each in pieces) + len(piece.text) > SHOWN_CHARS:
            break
        pieces.append(piece)
    with zones.of_job(zones.of_jobs([run.job_id]).get(run.job_id)):
        context = _lines(run, pieces)
    return TemplateResponse(request, "admin/scheduler/taskrun/log_lines.html", context, headers=NOT_STORED)


def download(admin: Any, request: HttpRequest, run_id: uuid.UUID) -> Any:
    """Answer with a run's whole log as a text file. :raises Http404: if there is no such run"""
    run = _run(admin, request, run_id)
    parts = (text.encode("utf-8", "replace") for text in whole_log(run.pk))
    return streamed(request, parts, "text/plain; charset=utf-8", f"run-{run.pk.hex[:12]}.log.txt")


def _run(admin: Any, request: HttpRequest, run_id: uuid.UUID) -> TaskRun:
    if not admin.has_view_permission(request) or not may_read(request):
        raise PermissionDenied
    try:
        return get(run_id)
    except RunNotFound as error:
        raise Http404(explained(error)) from None


def _lines(run: TaskRun, pieces: list[Piece]) -> dict[str, Any]:
    text = "".join(piece.text for piece in pieces)
    lines = text.removesuffix("\n").split("\n") if text else []
    return {
        "lines": list(_shown(lines[-MOST_LINES:], run.started_at)),
        "last": pieces[-1].number if pieces else 0,
        "is_cut": len(lines) > MOST_LINES,
    }


def _shown(lines: Iterable[str], begun: datetime | None) -> Iterator[dict[str, str]]:
    """Yield the parts of each line. The day is told where it is not the one on which the run began."""
    first_day = None if begun is None else timezone.localtime(begun).date()
    for line in lines:
        text = line if len(line) <= LINE_CHARS else line[:LINE_CHARS]
        parts = LINE.fullmatch(text)
        moment, level, said = parts.groups() if parts else ("", "", text)
        if len(line) > LINE_CHARS:
            said += " " + _("… (cut here: the line has %d characters; the file has it whole)") % len(line)
        yield {
            "iso": moment,
            "time": _time(moment, first_day) if moment else "",
            "level": harmless(level),
            "tone": TONES.get(level, ""),
            "text": harmless(said),
        }


def _time(text: str, first_day: Any) -> str:
    local = timezone.localtime(datetime.fromisoformat(text))
    day = "" if first_day in (None, local.date()) else f"{local:%m-%d} "
    return f"{day}{local:%H:%M:%S}.{local.microsecond // 1000:03d}"
