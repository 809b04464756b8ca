"""What axe finds wrong with a page, in light and in dark."""

from __future__ import annotations

from typing import Any, Literal

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import Page

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
OF_COLOURS = {"runOnly": ["color-contrast", "link-in-text-block"]}
TRANSITIONS_END = """Promise.allSettled(
    document.getAnimations().filter(change => change instanceof CSSTransition).map(change => change.finished)
)"""
LOOK = "options => axe.run({resultTypes: ['violations'], ...options}).then(found => found.violations)"


def barriers(page: Page, what: str = "") -> list[Any]:
    """Return what axe complains about, each with `what` or the page's address: everything in light, colours in dark.

    The same page in other colours has no other barriers than those of its colours, and looking is dear.
    """
    found, grounds = [], set()
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        page.evaluate(TRANSITIONS_END)
        grounds.add(page.evaluate("getComputedStyle(document.body).backgroundColor"))
        for barrier in page.evaluate(LOOK, OF_COLOURS if scheme == "dark" else {}):
            found.append((what or page.url, scheme, barrier["id"], [node["target"] for node in barrier["nodes"]]))
    assert len(grounds) == len(SCHEMES), "it looks the same in light and in dark"
    return found
