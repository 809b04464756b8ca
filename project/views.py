"""Health over HTTP, for load balancers and monitors, and the icon that browsers ask for; runs in the web process."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer 200 if all is well and 503 if not, with the problems as JSON. Needs no login, shows no data."""
    from scheduler.health import check_health  # only this page needs it

    problems = [{"code": problem.code, "text": problem.text} for problem in check_health() if problem.serious]
    return JsonResponse({"healthy": not problems, "problems": problems}, status=503 if problems else 200)


@require_safe
def icon(request: HttpRequest) -> HttpResponse:
    """Say where the icon is; Django's admin names none, so browsers ask for it at the place that they know."""
    return HttpResponseRedirect(static("scheduler/icon.svg"))
