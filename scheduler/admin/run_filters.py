"""The filters of the list of runs: some narrow it along an index, others look at rows; web process."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from django.contrib.admin import ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..models import FAILED, LIVE, ServiceProcess, State
from .filters import DropDown, Lookups
from .text import harmless
from .times import clock as clock_time

MOST_WORKERS = 50
ENDS = ("from", "to")
NOBODY = ("schedule", "start")
"""Who asks for runs that no person asks for: a firing, and the start of the service."""


class RunFilter(DropDown):
    """A filter that may be answered by an index alone, and then takes no walk over the runs."""

    def narrows(self) -> bool:
        """Whether its present value is answered by an index."""
        return False


class RunState(RunFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    GROUPS: ClassVar[dict[str, tuple[State, ...]]] = {
        "live": LIVE,
        "failed": FAILED,
        **{str(state): (state,) for state in State},
    }

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return [("live", _("not ended")), ("failed", _("failed, any way")), *State.choices]

    def narrows(self) -> bool:
        states = self.GROUPS.get(self.value() or "", ())
        return bool(states) and set(states) <= set(LIVE)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        states = self.GROUPS.get(self.value() or "")
        return queryset if states is None else queryset.filter(state__in=states)


class RunJob(RunFilter):
    """The job that a link came from; not a list to choose from, which could be endless."""

    title = gettext_lazy("job")
    parameter_name = "job"

    def narrows(self) -> bool:
        return True

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        value = request.GET.get(self.parameter_name)
        return [(value, harmless(value))] if value else []

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.none() if "\x00" in value else queryset.filter(job_id=value)


class RunWorker(RunFilter):
    """The workers of the last day, and one that a link came from."""

    title = gettext_lazy("worker")
    parameter_name = "worker"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        seen = ServiceProcess.objects.filter(
            kind=ServiceProcess.Kind.WORKER, heartbeat_at__gte=clock.now() - timedelta(days=1)
        )
        names = set(seen.order_by("-heartbeat_at").values_list("name", flat=True)[:MOST_WORKERS])
        names |= {name for name in [request.GET.get(self.parameter_name)] if name}
        return [(name, harmless(name)) for name in sorted(names)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if not value:
            return queryset
        return queryset.none() if "\x00" in value else queryset.filter(worker=value)


class RequestedBy(RunFilter):
    title = gettext_lazy("requested")
    parameter_name = "by"

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return [("hand", _("by hand")), ("schedule", _("by the schedule"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() == "hand":
            return queryset.exclude(requested_by__in=NOBODY)
        return queryset.filter(requested_by__in=NOBODY) if self.value() == "schedule" else queryset


class RunTime(RunFilter):
    """The last hours or days, or from one instant (itself included) to another one (not included)."""

    title = gettext_lazy("scheduled")
    parameter_name = "within"
    template = "admin/scheduler/taskrun/filter_time.html"
    everything = gettext_lazy("Any time")

    HOURS: ClassVar[dict[str, int]] = {"1h": 1, "24h": 24, "7d": 7 * 24, "30d": 30 * 24}
    more_parameters = ENDS

    def __init__(self, request: HttpRequest, params: dict[str, Any], model: Any, model_admin: Any) -> None:
        super().__init__(request, params, model, model_admin)
        told = {end: str(params.pop(end)[-1]).strip() for end in ENDS if end in params}
        self.instants = {end: moment for end, text in told.items() if (moment := instant(text)) is not None}
        self.wrong = [harmless(text) for end, text in told.items() if text and end not in self.instants]
        self.others: list[tuple[str, str]] = []

    def narrows(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return [self.parameter_name, *ENDS]

    def lookups(self, request: HttpRequest, model_admin: ModelAdmin[Any]) -> Lookups:
        return [
            ("1h", _("Last hour")),
            ("24h", _("Last 24 hours")),
            ("7d", _("Last 7 days")),
            ("30d", _("Last 30 days")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        since, until = (self.instants.get(end) for end in ENDS)
        if since is not None:
            queryset = queryset.filter(scheduled_at__gte=since)
        if until is not None:
            queryset = queryset.filter(scheduled_at__lt=until)
        hours = self.HOURS.get(self.value() or "")
        return queryset if hours is None else queryset.filter(scheduled_at__gte=clock.now() - timedelta(hours=hours))

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        mine = [self.parameter_name, *ENDS]
        self.others = [(name, value) for name, value in changelist.params.items() if name not in mine]
        neither = dict.fromkeys(ENDS)
        for value, title in [(None, self.everything), *self.lookup_choices]:
            yield {
                "display": title,
                "selected": value == self.value() and not self.instants,
                "query_string": changelist.get_query_string({**neither, self.parameter_name: value}),
            }

    def shown_ends(self) -> list[tuple[str, Any, str]]:
        """Return each end's name in the address, its title, and its value as a form field wants it."""
        titles = {"from": _("From"), "to": _("Up to")}
        return [(end, titles[end], as_input(self.instants.get(end))) for end in ENDS]

    def summary(self) -> str:
        """Return what the button says of two instants that somebody chose."""
        now = clock.now()
        since, until = (
            clock_time(self.instants[end], now) if end in self.instants else "…" for end in ENDS
        )  # fmt: skip
        return f"{since} – {until}" if self.instants else ""


def instant(text: str) -> datetime | None:
    """Return the instant that a text means, in the viewer's zone where it names no offset; None for no instant."""
    for spelled in (text, "+".join(text.rsplit(" ", 1))):  # an address makes a space of the + before an offset
        try:
            moment = datetime.fromisoformat(spelled)
            moment = moment if moment.tzinfo is not None else timezone.make_aware(moment)
            return moment.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    return None


def as_input(moment: datetime | None) -> str:
    """Return an instant as the value of a `datetime-local` field, in the viewer's zone."""
    return "" if moment is None else f"{timezone.localtime(moment):%Y-%m-%dT%H:%M:%S}"
