"""What every page of the console shows: the way to the others, and in which zone times are; web process."""

from __future__ import annotations

import re
from typing import Any

from django import template
from django.template import Context
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
CODE = re.compile(r"``?([^`\n]+)``?")


@register.filter
def grouped(number: int) -> str:
    """Return a number with its thousands apart, whatever USE_THOUSAND_SEPARATOR says."""
    return f"{number:,}"


@register.filter
def with_code(text: str) -> SafeString:
    """Return what a docstring says, escaped, with what stands between backticks as code."""
    parts = CODE.split(text)  # text and code by turns
    pairs = zip(parts[::2], [*parts[1::2], ""], strict=True)
    return format_html_join(
        "", "{}{}", ((said, format_html("<code>{}</code>", code) if code else "") for said, code in pairs)
    )


@register.inclusion_tag("admin/scheduler/nav.html", takes_context=True)
def console_nav(context: Context, current: str) -> dict[str, Any]:
    """Draw the console's navigation.

    :param current: the page that it stands on: "dashboard", "jobs", "runs", "upcoming" or "workers"
    """
    from ..admin.nav import navigation

    return navigation(context["request"], current)


@register.inclusion_tag("admin/scheduler/summary.html", takes_context=True)
def console_summary(context: Context) -> dict[str, Any]:
    """Draw what is alive, runs and waits in one row, and what is wrong: for the index of any admin site."""
    from ..admin.dashboard import index_summary

    request = context["request"]
    return {**index_summary(request), "request": request, "csp_nonce": context.get("csp_nonce")}


@register.simple_tag(takes_context=True)
def console_script(context: Context, name: str) -> SafeString:
    """Return the script element of one of the app's files, with the page's nonce where it has one."""
    return format_html('<script src="{}"{} defer></script>', static(f"scheduler/{name}"), _nonce(context))


@register.simple_tag(takes_context=True)
def console_style(context: Context, name: str) -> SafeString:
    """Return the link to one of the app's style sheets, with the page's nonce where it has one."""
    return format_html('<link rel="stylesheet" href="{}"{}>', static(f"scheduler/{name}"), _nonce(context))


def _nonce(context: Context) -> SafeString | str:
    """Return the attribute for the nonce of Django 6's Content-Security-Policy, or of django-csp's."""
    nonce = context.get("csp_nonce") or getattr(context.get("request"), "csp_nonce", "")
    return format_html(' nonce="{}"', nonce) if nonce else ""
