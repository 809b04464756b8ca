"""The strictest Content-Security-Policy that a host may have, for whoever asks for it by a header; web process."""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

ASK = "X-Strict-Policy"
DJANGOS_SCRIPT = re.compile(rb'<script (?=src="(?:/static/admin/|/admin/jsi18n/))(?![^>]*\bnonce=)')
"""Up to 6.0 the admin's own scripts have no nonce; a host with such a policy gives it to them."""


class StrictPolicyMiddleware:
    """Allows only scripts that carry the response's nonce, which a page finds as `request.csp_nonce`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: Any) -> HttpResponse:
        if ASK not in request.headers:
            return self.get_response(request)
        nonce = request.csp_nonce = secrets.token_urlsafe(16)
        response = self.get_response(request)
        response["Content-Security-Policy"] = (
            f"default-src 'none'; script-src 'nonce-{nonce}'; style-src 'self'; img-src 'self' data:; "
            "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
        if not response.streaming and response.get("Content-Type", "").startswith("text/html"):
            response.content = DJANGOS_SCRIPT.sub(b'<script nonce="%s" ' % nonce.encode(), response.content)
        return response
