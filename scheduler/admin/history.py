"""What was changed of a job, by whom and when: as Django's LogEntry keeps it, and as our pages show it; web.

A change message is Django's own structure, so that whatever shows the admin's log can read it, with one key more:
`difference`, a list of `[field, before, after]`. Values under secret-looking names are masked before they are written.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db.models import Model, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import override

from ..lookup import state_of
from ..models import ScheduledTask
from ..secrets import mask, mask_arguments
from .job_fields import ARGUMENTS, FIELDS, Snapshot, changed, in_words, label
from .text import harmless
from .times import absolute, ago
from .typed_values import json_text

SHOWN = 10
LOOKED_AT = 100_000
"""Of the newest entries of the whole log: it has no index by object, and a page must not read all of it."""
LONGEST = 2_000
"""Characters of a value, as JSON, that are kept."""


def difference(before: Snapshot, after: Snapshot) -> list[dict[str, Any]]:
    """Return the change message of a job that was changed in the form."""
    names = changed(before, after)
    return _message([(name, _kept(name, before), _kept(name, after)) for name in names], str(after.get("task", "")))


def moved(before: ScheduledTask, after: ScheduledTask) -> list[dict[str, Any]]:
    """Return the change message of a job that went from one state to another."""
    return _message([("state", state_of(before), state_of(after))], after.task)


def _message(rows: list[tuple[str, Any, Any]], task: str) -> list[dict[str, Any]]:
    with override(None):  # as Django writes its own messages: they are translated when they are read
        fields = [_sentence(name, before, after, task) for name, before, after in rows]
    return [{"changed": {"fields": fields}, "difference": [list(row) for row in rows]}]


def _sentence(name: str, before: Any, after: Any, task: str) -> str:
    if name in ARGUMENTS:  # whoever may see the job may read this, and not everybody may see what it is given
        return label(name)
    return f"{label(name)}: {in_words(name, before, task)} → {in_words(name, after, task)}"


def _kept(name: str, values: Snapshot) -> Any:
    """Return a value as the log may keep it: without secrets, and not too long."""
    value = values.get(name)
    if name in ARGUMENTS:
        args, kwargs = mask_arguments(str(values.get("task", "")), values.get("args"), values.get("kwargs"))
        value = args if name == "args" else kwargs
    text = json.dumps(value, ensure_ascii=False, default=str)
    return value if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


# -- reading ----------------------------------------------------------------------------------------------------------


def history(job_id: str, now: datetime, *, with_arguments: bool, limit: int = SHOWN) -> list[dict[str, Any]]:
    """Return what history.html shows: the newest changes of a job.

    :param with_arguments: whether the viewer may see what the job is given
    """
    found = list(entries(ScheduledTask, object_id=job_id)[: limit + 1])
    rows = as_rows(found[:limit], now, with_arguments=with_arguments)
    if len(found) > limit:
        rows[-1]["more"] = True
    return rows


def entries(model: type[Model], **which: Any) -> QuerySet[LogEntry]:
    """Return what was done in the admin to objects of a model, or to one of them, the newest first."""
    newest = LogEntry.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    kind = ContentType.objects.get_for_model(model)
    found = LogEntry.objects.filter(pk__gt=newest - LOOKED_AT, content_type=kind, **which)
    return found.select_related("user").order_by("-pk")


def as_rows(found: Iterable[LogEntry], now: datetime, *, with_arguments: bool) -> list[dict[str, Any]]:
    """Return entries of the log as history.html shows them."""
    return [_row(entry, now, with_arguments) for entry in found]


def _row(entry: LogEntry, now: datetime, with_arguments: bool) -> dict[str, Any]:
    parts = _read(entry.change_message)
    rows = [_change(name, before, after, with_arguments) for name, before, after in parts]
    return {
        "when": ago(entry.action_time, now),
        "at": absolute(entry.action_time),
        "who": harmless(entry.user.get_username()),
        "changes": rows,
        "text": _("Added.") if entry.action_flag == ADDITION else "" if rows else _words_of(entry),
    }


def _words_of(entry: LogEntry) -> str:
    try:
        return harmless(entry.get_change_message())
    except Exception:  # JSON of somebody else's that only looks like Django's
        return harmless(entry.change_message)


def _read(message: str) -> list[tuple[str, Any, Any]]:
    """Return the rows of a change message of ours; none of any other."""
    try:
        parts = json.loads(message)
        rows = [row for part in parts for row in part.get("difference", ())]
        return [(name, before, after) for name, before, after in rows if name in (*FIELDS, "state")]
    except (ValueError, TypeError, AttributeError):
        return []


def _change(name: str, before: Any, after: Any, with_arguments: bool) -> dict[str, str]:
    shown = {"label": label(name), "before": "", "after": ""}
    if name in ARGUMENTS and not with_arguments:
        return {**shown, "note": _("changed; you may not see arguments")}
    if before == after:
        return {**shown, "note": _("a secret was changed")}
    return {**shown, "before": _shown(name, before), "after": _shown(name, after)}


def _shown(name: str, value: Any) -> str:
    if isinstance(value, str) and name in ("args", "kwargs", "schedule"):  # it was too long to keep
        return harmless(value)
    if name == "args":  # masked when it was written, by the names of that time
        return harmless(json_text(mask(value)))
    return in_words(name, value)
