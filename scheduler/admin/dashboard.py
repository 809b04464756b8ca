"""The dashboard: what is alive, what runs, waits and is due, and what went wrong; web process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.admin import AdminSite
from django.db import DatabaseError, transaction
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from .. import clock
from ..queues import worker_command
from . import nav, zones
from .dashboard_parts import failures, machinery, running, strip
from .live import live
from .problems import problems
from .queue_rows import queue_rows
from .text import harmless
from .tiles import tiles
from .zones import in_viewers_zone

APP = "scheduler"
MODELS = ("scheduledtask", "taskrun", "serviceprocess")
LIVE = "admin/scheduler/dashboard_live.html"


def may_see(request: HttpRequest) -> bool:
    """Whether the user may open the pages of any model that the dashboard tells of."""
    return any(nav.may_view(request, model) for model in MODELS)


def put_on(site: AdminSite) -> None:
    """Make the dashboard the app's page of an admin site, and put its summary on the site's index, unless done."""
    if getattr(site.app_index, "shows_dashboard", False):
        return
    site.app_index = _or_dashboard(site, site.app_index)  # type: ignore[assignment, method-assign]
    if site.index_template is None:
        site.index_template = "admin/scheduler/index.html"


def _or_dashboard(site: AdminSite, original: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    def app_index(request: HttpRequest, app_label: str, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if app_label != APP or not may_see(request):
            return original(request, app_label, extra_context)
        return dashboard(request, site, extra_context)

    app_index.shows_dashboard = True  # type: ignore[attr-defined]
    return app_index


@in_viewers_zone
def dashboard(request: HttpRequest, site: AdminSite, extra_context: dict[str, Any] | None = None) -> HttpResponse:
    """Show the dashboard: each part only to whoever may view what it tells of."""
    request.current_app = site.name
    context = {
        **site.each_context(request),
        "title": _("Dashboard"),
        "nav_page": "dashboard",
        "live_template": LIVE,
        "more_models": _more_models(site, request),
        **overview(request),
        **(extra_context or {}),
    }
    return live(request, TemplateResponse(request, "admin/scheduler/dashboard.html", context), LIVE)


def overview(request: HttpRequest) -> dict[str, Any]:
    """Return what the live part of the dashboard shows."""
    now = clock.now()
    context = summary(request)
    if nav.may_view(request, "taskrun"):
        context |= {"strip": strip(now), "running": running(request, now), "failures": failures(request, now)}
        context["runs_url"] = nav.url_of(request, "taskrun_changelist")
    if nav.may_view(request, "serviceprocess"):
        context |= {"processes": machinery(now), "workers_url": nav.url_of(request, "serviceprocess_changelist")}
        context["worker_command"] = worker_command()
    if nav.may_view(request, "scheduledtask"):
        context["upcoming_url"] = nav.url_of(request, "upcoming")
    if "running" in context or "processes" in context:
        context["queues"] = queue_rows(request, now)
    return context


def summary(request: HttpRequest) -> dict[str, Any]:
    """Return what the admin's index shows as well: the problems, and the figures."""
    now = clock.now()
    shown = tiles(request, now)
    return {
        "dashboard_url": nav.dashboard_url(request),
        "problems": problems(request),
        "tiles": shown,
        "moving": any(tile.moves for tile in shown),
    }


def index_summary(request: HttpRequest) -> dict[str, Any]:
    """Return `summary` for a page of somebody else's, in the viewer's zone; nothing for who may see nothing of it."""
    if not may_see(request):
        return {}
    try:
        with timezone.override(zones.zone_of(request)), transaction.atomic():
            return summary(request)
    except DatabaseError as error:  # no reason to take the index from those who came for other apps
        return {"dashboard_url": nav.dashboard_url(request), "trouble": harmless(str(error).strip())}


def _more_models(site: AdminSite, request: HttpRequest) -> list[dict[str, Any]]:
    """Return the app's pages that the navigation does not name."""
    apps = site.get_app_list(request, APP)
    models = apps[0]["models"] if apps else []
    named = {model for _title, _view, model, _key in nav.PAGES.values()}
    return [model for model in models if model["object_name"].lower() not in named and model.get("admin_url")]
