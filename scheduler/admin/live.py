"""Answers a page that keeps itself fresh: with the part that can have changed, or with 304 if it has not; web process.

What a page says of the time that passes ("12 s ago") is no change: the browser counts on by itself (ticks.js).
"""

from __future__ import annotations

import re
from hashlib import blake2b

from django.http import HttpRequest, HttpResponse
from django.template.response import SimpleTemplateResponse
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags, quote_etag

REFRESH_HEADER = "X-Scheduler-Refresh"
PASSING = re.compile(
    rb'(<time [^>]*data-tick="[^>]*>)[^<]*</time>|<input type="hidden" name="(?:csrfmiddlewaretoken|token)"[^>]*>'
)


def live(request: HttpRequest, response: HttpResponse, template: str) -> HttpResponse:
    """Return the whole page to whoever opens it, and only its live part, rendered from `template`, to a refresh.

    Messages stay for a page that shows them.
    """
    if not isinstance(response, SimpleTemplateResponse):
        return response
    response["Cache-Control"] = "no-store" if REFRESH_HEADER not in request.headers else "no-cache"
    patch_vary_headers(response, [REFRESH_HEADER])
    if REFRESH_HEADER not in request.headers:
        return response
    response.template_name = template
    response.render()
    etag = quote_etag(blake2b(PASSING.sub(rb"\1", response.content), digest_size=12).hexdigest())
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponse(status=304, headers={"ETag": etag, "Vary": REFRESH_HEADER})
    response["ETag"] = etag
    return response
