"""In which time zone a page shows its times: the viewer's, UTC, or that of each job; web process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from datetime import UTC, tzinfo
from functools import wraps
from typing import Any, ParamSpec
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from django_apscheduler.models import DjangoJob

from ..exceptions import SchedulerError
from ..jobstate import load_trigger
from ..triggers import timezone_of

P = ParamSpec("P")
CHOICES: dict[str, str | Promise] = {"browser": _("your time"), "utc": _("UTC"), "job": _("the job’s time")}
CHOICE_COOKIE, BROWSER_COOKIE = "sched_times", "sched_zone"
"""What the viewer chose, and the zone that the browser says it is in (live.js writes the second one)."""
YEAR_SECONDS = 365 * 86_400

_choice: ContextVar[str] = ContextVar("choice", default="browser")


def chosen(request: HttpRequest) -> str:
    """Return the viewer's choice, a key of `CHOICES`."""
    told = request.COOKIES.get(CHOICE_COOKIE, "")
    return told if told in CHOICES else "browser"


def zone_of(request: HttpRequest) -> tzinfo:
    """Return the zone for what belongs to no job: UTC if chosen, else the browser's, else Django's current one."""
    if chosen(request) == "utc":
        return UTC
    try:
        return ZoneInfo(request.COOKIES[BROWSER_COOKIE])
    except (KeyError, ValueError, OSError):  # never told, or not a zone that this host knows
        return timezone.get_current_timezone()


def in_viewers_zone(view: Callable[P, HttpResponse]) -> Callable[P, HttpResponse]:
    """Make and render a view's answer in the viewer's zone. The request is its first argument, or `self` is."""

    @wraps(view)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        request = next(each for each in args if isinstance(each, HttpRequest))
        token = _choice.set(chosen(request))
        try:
            with timezone.override(zone_of(request)):
                response = view(*args, **kwargs)
                return response.render() if isinstance(response, SimpleTemplateResponse) else response
        finally:
            _choice.reset(token)

    return wrapped


@contextmanager
def of_job(zone: tzinfo | None) -> Iterator[None]:
    """Show times in a job's own zone, where the viewer chose that."""
    if zone is None or _choice.get() != "job":
        yield
        return
    with timezone.override(zone):
        yield


def of_jobs(job_ids: Iterable[str]) -> dict[str, tzinfo]:
    """Return the zones of jobs' schedules, in one query; none at all, and without one, unless the viewer chose them.

    `of_job(of_jobs(ids).get(job_id))` is how a page of runs shows each in the time of its job.
    """
    found: dict[str, tzinfo] = {}
    if _choice.get() != "job":
        return found
    for job_id, state in DjangoJob.objects.filter(id__in=set(job_ids)).values_list("id", "job_state"):
        with suppress(SchedulerError):  # a job that can't be read has no zone, and its runs are shown all the same
            found[job_id] = timezone_of(load_trigger(state))
    return found


@require_POST
def choose(request: HttpRequest) -> HttpResponse:
    """Remember the viewer's choice in a cookie, and go back to the page."""
    back: Any = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure()):
        back = ".."
    response = HttpResponseRedirect(back)
    told = request.POST.get("times", "")
    if told in CHOICES:
        response.set_cookie(
            CHOICE_COOKIE, told, max_age=YEAR_SECONDS, samesite="Lax", httponly=True, secure=request.is_secure()
        )
    return response
