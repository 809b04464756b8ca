"""What a retention rule means, in words, and how it was changed; web process."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, override

from ..models import RetentionRule, State
from ..retention import MOST_DAYS, OTHERS, Rule
from .history import entries
from .text import harmless
from .times import absolute, ago

LABELS = {
    "days": gettext_lazy("Keep runs for (days)"),
    "keep": gettext_lazy("Keep of each job at least (runs)"),
    "log_days": gettext_lazy("Keep logs for (days)"),
}
"""The values of a rule, by their names in `retention.set_rule`."""
SHOWN = 10


def name_of(state: str) -> str:
    """Return what a rule is about."""
    return _("all states without a rule of their own") if state == OTHERS else str(State(state).label)


def values(rule: Rule) -> dict[str, Any]:
    """Return the values of a rule by their names."""
    return {name: value for name, value in asdict(rule).items() if name in LABELS}


def runs_kept(rule: Rule, state: str) -> str:
    """Return how long runs that ended in a state are kept, in words; "" stands for all states without a rule."""
    if rule.days >= MOST_DAYS:
        return _("for ever")
    if not rule.keep:
        return _("for %s") % days(rule.days)
    if rule.is_own and state != OTHERS:
        newest = ngettext(
            "for %(days)s, and longer while the newest such run of their job",
            "for %(days)s, and longer while among the newest %(keep)d such runs of their job",
            rule.keep,
        )
    else:
        newest = ngettext(
            "for %(days)s, and longer while the newest run of their job",
            "for %(days)s, and longer while among the newest %(keep)d runs of their job",
            rule.keep,
        )
    return newest % {"days": days(rule.days), "keep": rule.keep}


def logs_kept(rule: Rule) -> str:
    """Return how long logs are kept, in words. A log goes with its run at the latest."""
    return _("as long as the run") if rule.log_days >= MOST_DAYS else _("for %s") % days(rule.log_days)


def days(number: float) -> str:
    """Return a number of days in words."""
    return ngettext("%s day", "%s days", 1 if number == 1 else 2) % f"{number:g}"


def message(before: Rule, after: Rule) -> list[dict[str, Any]]:
    """Return the change message of a rule: Django's own structure, with the values before and after.

    A rule may say for a state what the general one says, and be none the less a rule of its own.
    """
    rows = [[name, was, values(after)[name]] for name, was in values(before).items() if was != values(after)[name]]
    with override(None):  # it is translated when it is read
        fields = [f"{LABELS[name]}: {was:g} → {now:g}" for name, was, now in rows]
    return [{"changed": {"fields": fields}, "difference": rows}] if rows else [{"added": {}}]


def changes(now: datetime) -> list[dict[str, Any]]:
    """Return the newest changes of rules, as history.html shows them."""
    return [
        {
            "when": ago(entry.action_time, now),
            "at": absolute(entry.action_time),
            "who": harmless(entry.user.get_username()),
            "text": harmless(entry.object_repr),
            "changes": [_change(*row) for row in _rows(entry.change_message)],
        }
        for entry in entries(RetentionRule)[:SHOWN]
    ]


def _change(name: str, before: float, after: float) -> dict[str, str]:
    return {"label": str(LABELS[name]), "before": f"{before:g}", "after": f"{after:g}"}


def _rows(text: str) -> list[Any]:
    try:
        return [row for part in json.loads(text) for row in part.get("difference", ()) if row[0] in LABELS]
    except (ValueError, TypeError, AttributeError):  # written by somebody else
        return []
