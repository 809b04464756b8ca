"""How long ended runs and their logs are kept: the rules in force, and changing them; pages, commands and engine.

`rules()` reads them, `set_rule()` and `drop_rule()` change one, `prune()` deletes all that is past them at once. The
engine does the same in small steps (`engine/tidying.py`), and `last_sweep()` tells how far; `sweep.py` has the steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from . import chores, clock, conf, sweep
from .db import write_transaction
from .exceptions import InvalidInput
from .models import TERMINAL, Chore, RetentionRule
from .said import said as _

MOST_DAYS = 36_500
MOST_RUNS = 100_000
OTHERS = ""
"""Stands for all states that have no rule of their own."""
CHORES = LOGS, RUNS = ("logs", "runs")
"""What the engine does by these rules, logs first."""


@dataclass(frozen=True)
class Rule:
    """How long runs that ended in one state are kept."""

    days: float
    """A run goes when it is older, …"""
    keep: int
    """… unless it is among so many newest runs of its job: of those that ended so, if it is the state's own."""
    log_days: float
    """Its log goes before it, when it is older than this."""
    is_own: bool
    """Whether somebody has set it for this very state."""


@dataclass(frozen=True)
class Sweep:
    """How far the engine is with deleting what is past the rules."""

    ended_at: datetime | None
    """When it was through all jobs; None while it is at it, and before it first was."""
    deleted: int
    """How many runs it has deleted in this turn."""
    next_at: datetime | None
    """When it goes on, or begins anew; None before it first began."""


def by_settings() -> Rule:
    """Return the rule that holds where nobody has set one."""
    return Rule(conf.get("RETENTION_DAYS"), conf.get("RETENTION_RUNS"), conf.get("RETENTION_LOG_DAYS"), is_own=False)


def rules() -> dict[str, Rule]:
    """Return the rule in force for each terminal state, and under "" the one for states without a rule of their own."""
    own = {row.state: Rule(row.days, row.keep, row.log_days, is_own=True) for row in RetentionRule.objects.all()}
    others = own.get(OTHERS, by_settings())
    return {OTHERS: others, **{str(state): own.get(state, replace(others, is_own=False)) for state in TERMINAL}}


def set_rule(
    state: str, *, days: float | None = None, keep: int | None = None, log_days: float | None = None
) -> RetentionRule:
    """Set the rule for a state, in force within seconds; what is left out stays as it is in force now.

    :param state: a terminal state, or "" for all that have no rule of their own
    :raises InvalidInput: if anything of it is wrong; nothing is changed then
    """
    given = {
        "days": None if days is None else _days("days", days),
        "keep": None if keep is None else _runs("keep", keep),
        "log_days": None if log_days is None else _days("log_days", log_days),
    }
    _check_state(state)
    with write_transaction():
        now = rules()[state]
        values = {name: getattr(now, name) if value is None else value for name, value in given.items()}
        rule, _created = RetentionRule.objects.update_or_create(state=state, defaults=values)
        chores.hurry(*CHORES)
    return rule


def drop_rule(state: str) -> None:
    """Take a state's own rule away: the one for all others holds for it then, or the settings.

    :raises InvalidInput: if there is no such state
    """
    _check_state(state)
    with write_transaction():
        RetentionRule.objects.filter(state=state).delete()
        chores.hurry(*CHORES)


def last_sweep() -> Sweep:
    """Return how far the engine is with runs, as the chore's row tells."""
    chore = Chore.objects.filter(name=RUNS).first()
    if chore is None:
        return Sweep(None, 0, None)
    ended = chore.place.get("ended")
    return Sweep(datetime.fromisoformat(ended) if ended else None, chore.place.get("deleted", 0), chore.due_at)


def _check_state(state: Any) -> None:
    if state != OTHERS and state not in TERMINAL:
        known = ", ".join(TERMINAL)
        raise InvalidInput(
            "state",
            state,
            _("is not a state that runs end in"),
            _('It is one of %(known)s, or "" for all.', known=known),
        )


def _days(field: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MOST_DAYS:
        raise InvalidInput(
            field, value, _("is not a number of days"), _("It takes 0 to %(most)s (a century).", most=MOST_DAYS)
        )
    return float(value)


def _runs(field: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_RUNS:
        raise InvalidInput(
            field, value, _("is not a number of runs"), _("It takes whole numbers from 0 to %(most)s.", most=MOST_RUNS)
        )
    return value


def prune(*, days: float | None = None, keep: int | None = None) -> int:
    """Delete all ended runs that are past the rules, with their logs and execution rows, and old logs of others.

    :param days: age by scheduled time, in place of what the rules say
    :param keep: newest runs of each job to keep, whatever they ended as, in place of what the rules say
    :return: how many runs were deleted
    """
    now = clock.now()
    told: dict[str, Any] = {} if days is None else {"days": days}
    if keep is not None:
        told |= {"keep": keep, "is_own": False}
    limits = sweep.Limits({state: replace(rule, **told) for state, rule in rules().items()}, now)
    _sweep_all(sweep.logs, limits)
    deleted = _sweep_all(sweep.runs, limits)
    sweep.leftovers(rules()[OTHERS].days if days is None else days, now)
    return deleted


def _sweep_all(
    step: Callable[[sweep.Limits, sweep.Place], tuple[int, sweep.Place | None]], limits: sweep.Limits
) -> int:
    place: sweep.Place | None = {}
    total = 0
    while place is not None:
        deleted, place = step(limits, place)
        total += deleted
    return total
