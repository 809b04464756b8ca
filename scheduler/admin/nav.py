"""The pages of the console, and which of them a viewer may open; web process."""

from __future__ import annotations

from typing import Any

from django.contrib.admin.utils import quote
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from .. import clock
from . import languages, times, zones

PAGES: dict[str, tuple[str | Promise, str, str, str]] = {
    "dashboard": (_("Dashboard"), "app_list", "", "d"),
    "jobs": (_("Jobs"), "scheduler_scheduledtask_changelist", "scheduledtask", "j"),
    "runs": (_("Runs"), "scheduler_taskrun_changelist", "taskrun", "r"),
    "upcoming": (_("Upcoming"), "scheduler_upcoming", "scheduledtask", "u"),
    "workers": (_("Workers and queues"), "scheduler_serviceprocess_changelist", "serviceprocess", "w"),
}
"""By name: its title, its address's name, the model that it shows, the key that opens it after g."""


def may_view(request: HttpRequest, model: str) -> bool:
    """Whether the user may open the pages of a model of the app, by its name in lower case."""
    user = request.user
    return bool(user.has_perm(f"scheduler.view_{model}") or user.has_perm(f"scheduler.change_{model}"))


def url_of(request: HttpRequest, view: str, *keys: object) -> str:
    """Return the address of a page of the app, by the end of its name ("taskrun_change") and the keys of its object."""
    site = getattr(request, "current_app", None) or "admin"
    return reverse(f"admin:scheduler_{view}", args=[quote(str(key)) for key in keys], current_app=site)


def dashboard_url(request: HttpRequest) -> str:
    """Return the address of the dashboard."""
    site = getattr(request, "current_app", None) or "admin"
    return reverse("admin:app_list", kwargs={"app_label": "scheduler"}, current_app=site)


def navigation(request: HttpRequest, current: str) -> dict[str, Any]:
    """Return what nav.html shows: the pages that the user may open, and the choice of the time zone.

    :param current: the name of the page that it stands on
    """
    site = getattr(request, "current_app", None) or "admin"
    pages = [
        {
            "title": title,
            "url": reverse(
                f"admin:{view}", kwargs={"app_label": "scheduler"} if view == "app_list" else None, current_app=site
            ),
            "current": name == current,
            "key": key,
        }
        for name, (title, view, model, key) in PAGES.items()
        if not model or may_view(request, model)
    ]
    return {
        "pages": pages,
        "zones": [(key, word, key == zones.chosen(request)) for key, word in zones.CHOICES.items()],
        "zone_name": str(zones.zone_of(request)),
        "zones_url": reverse("admin:scheduler_times", current_app=site),
        "languages": languages.languages(),
        "languages_url": languages.address(),
        "here": request.get_full_path(),
        "words": times.words(clock.now()),
        "request": request,
    }
