"""What all our triggers share: firing instants that depend on time alone, jitter, storage; runs in every process."""

from __future__ import annotations

from abc import abstractmethod
from datetime import datetime, timedelta, tzinfo
from hashlib import blake2b
from typing import Any, ClassVar

from apscheduler.triggers.base import BaseTrigger

from scheduler.exceptions import InvalidTrigger, PlanningError
from scheduler.said import said as _

from .values import check_order, read_datetime
from .zones import UTC, default_timezone, read_timezone, zone_name

MICROSECOND = timedelta(microseconds=1)
MAX_STEPS = 10_000
"""Steps that one search for a next firing may take."""
DOOR_STEPS = 1_000
"""The same when a trigger is checked at the door, so that what passes there has room later."""
STATE_VERSION = 1
_ENDLESS = _("the search for the next firing did not end")
_JITTER = _("the jitter covers so many firings that the search for the next one did not end")


class Search:
    """One search for a firing: for which job, and how many steps it may still take."""

    __slots__ = ("job_id", "steps")

    def __init__(self, job_id: str = "", steps: int = MAX_STEPS) -> None:
        self.job_id, self.steps = job_id, steps

    def step(self, problem: str = _ENDLESS) -> None:
        """Count one step.

        :raises PlanningError: when there are none left
        """
        self.steps -= 1
        if self.steps < 0:
            raise PlanningError(_("%(problem)s within the allowed number of steps", problem=problem))


class Schedule(BaseTrigger):
    """A trigger as a function of time: which instants it has does not depend on what fired before.

    All datetimes inside are in UTC, where comparing and adding are exact.
    """

    TYPE: ClassVar[str]
    jitter: float | None
    timezone: tzinfo

    @abstractmethod
    def nominal(self, after: datetime, search: Search) -> datetime | None:
        """Return the first instant (UTC) strictly after `after` (UTC), without this trigger's own jitter."""

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return what `__init__` takes to build an equal trigger, as JSON values, without defaults."""

    def last_instant(self) -> datetime | None:
        """Return the end date in UTC; no jitter goes past it."""
        return None

    def following(self, after: datetime, search: Search) -> datetime | None:
        """Return the first instant (UTC) strictly after `after` (UTC), jitter included."""
        if not self.jitter:
            return self.nominal(after, search)
        end, best = self.last_instant(), None
        try:
            nominal = self.nominal(after - timedelta(seconds=self.jitter), search)
            while nominal is not None and (best is None or nominal < best):
                search.step(_JITTER)
                instant = nominal + self._shift(nominal, search.job_id)
                if end is not None and instant > end:
                    instant = end
                if instant > after and (best is None or instant < best):
                    best = instant
                nominal = self.nominal(nominal, search)
        except OverflowError:
            pass
        return best

    def _shift(self, nominal: datetime, job_id: str) -> timedelta:
        """Return the delay of one firing: the same on every machine for the same job and nominal time."""
        key = f"{job_id}\0{(nominal - _EPOCH) // MICROSECOND}".encode("utf-8", "surrogatepass")
        part = int.from_bytes(blake2b(key, digest_size=8).digest(), "big")
        return timedelta(microseconds=(part * int((self.jitter or 0) * 1_000_000)) >> 64)

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """APScheduler's method: strictly after `previous_fire_time` if there is one, else not before `now`."""
        after = previous_fire_time.astimezone(UTC) if previous_fire_time else now.astimezone(UTC) - MICROSECOND
        instant = self.following(after, Search())
        return None if instant is None else instant.astimezone(self.timezone)

    def __getstate__(self) -> dict[str, Any]:
        return {"version": STATE_VERSION, **self.arguments()}

    def __setstate__(self, state: Any) -> None:
        # Through __init__, so that a state which somebody has edited meets the same checks as any input.
        if not isinstance(state, dict) or state.get("version") != STATE_VERSION:
            raise InvalidTrigger("trigger", state, _("is not the state of a stored %(type)s trigger", type=self.TYPE))
        try:
            self.__init__(**{key: value for key, value in state.items() if key != "version"})  # type: ignore[misc]
        except TypeError:
            raise InvalidTrigger(
                "trigger", state, _("is not the state of a stored %(type)s trigger", type=self.TYPE)
            ) from None

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__getstate__() == other.__getstate__()

    def __hash__(self) -> int:
        return hash(repr(self.__getstate__()))


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Bounded(Schedule):
    """A schedule with a zone, a first and a last possible instant."""

    start_date: Any
    end_date: Any
    _floor: datetime | None
    _ceiling: datetime | None

    def _set_zone(self, timezone: Any) -> None:
        self.timezone = default_timezone() if timezone is None else read_timezone(timezone)

    def _set_bounds(self, start_date: Any, end_date: Any) -> None:
        self.start_date = read_datetime("start_date", start_date, self.timezone)
        self.end_date = read_datetime("end_date", end_date, self.timezone)
        # In one zone Python compares wall times, which is wrong in a repeated hour: compare in UTC.
        start = None if self.start_date is None else self.start_date.astimezone(UTC)
        self._ceiling = None if self.end_date is None else self.end_date.astimezone(UTC)
        check_order(start, self._ceiling)
        self._floor = None if start is None or start == _FIRST else start - MICROSECOND

    def last_instant(self) -> datetime | None:
        return self._ceiling

    def _common_arguments(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if self.start_date is not None:
            found["start_date"] = self.start_date.isoformat()
        if self.end_date is not None:
            found["end_date"] = self.end_date.isoformat()
        found["timezone"] = zone_name(self.timezone)
        if self.jitter:
            found["jitter"] = self.jitter
        return found


_FIRST = datetime.min.replace(tzinfo=UTC)
