"""Takes the pictures of `make screenshots`: each screen at two widths, in light and dark."""

from __future__ import annotations

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Page, TimeoutError

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
NARROWEST = 320
FITS = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
TALLEST = 2_600
"""Pixels of a page that are in its picture at most."""
TO_WEBP = """async ([data, quality]) => {
    const image = new Image();
    image.src = "data:image/png;base64," + data;
    await image.decode();
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [image.width, image.height];
    canvas.getContext("2d").drawImage(image, 0, 0);
    return canvas.toDataURL("image/webp", quality).split(",")[1];
}"""
SIDEBAR = "open => localStorage.setItem('django.admin.navSidebarIsOpen', open)"
Prepare = Callable[[Page], Any]


class Camera:
    """A browser page that is taken round.

    :param folder: where the pictures go
    :param images: where those go that the docs show
    """

    def __init__(self, page: Page, folder: Path, images: Path) -> None:
        self.page, self.folder, self.images = page, folder, images
        self.too_wide: list[str] = []
        """Screens that have to be scrolled sideways on the narrowest phone."""
        folder.mkdir(parents=True)

    def take(self, name: str, path: str = "", prepare: Prepare | None = None) -> None:
        """Take a screen's pictures.

        :param path: opened for each of them; without it, the page is taken as it stands
        :param prepare: called after that
        """
        for width, size in SIZES.items():
            for scheme in SCHEMES:
                self.set_up(size, scheme)
                self.open(path, prepare)
                self.page.screenshot(
                    path=self.folder / f"{name}-{width}-{scheme}.png", full_page=True, clip=self.view()
                )
        self.set_up((NARROWEST, 700), "light")
        try:
            self.page.wait_for_function(FITS, timeout=3_000)  # charts are drawn anew
        except TimeoutError:
            self.too_wide.append(name)
        self.set_up(SIZES["desktop"], "light")
        print(f"{self.folder.name}/{name}", flush=True)

    def show(self, name: str, path: str, scheme: Literal["light", "dark"], prepare: Prepare | None = None) -> None:
        """Take what the docs show: one window of a desktop, as a small file."""
        self.set_up(SIZES["desktop"], scheme)
        self.page.evaluate(SIDEBAR, "false")
        self.open(path, prepare)
        self.page.evaluate(SIDEBAR, "true")
        picture = base64.b64encode(self.page.screenshot()).decode()
        assert self.page.context.browser is not None
        blank = self.page.context.browser.new_page()  # the console's own pages allow no image from elsewhere
        small = blank.evaluate(TO_WEBP, [picture, 0.9])
        blank.close()
        self.images.mkdir(exist_ok=True)
        (self.images / f"{name}.webp").write_bytes(base64.b64decode(small))
        self.set_up(SIZES["desktop"], "light")
        print(self.images / f"{name}.webp", flush=True)

    def set_up(self, size: tuple[int, int], scheme: Literal["light", "dark"]) -> None:
        self.page.set_viewport_size({"width": size[0], "height": size[1]})
        self.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")

    def open(self, path: str, prepare: Prepare | None) -> None:
        if path:
            self.page.goto(path)
        if self.page.locator("#job-durations").count():
            self.page.locator("#job-durations canvas").wait_for()
        if prepare is not None:
            prepare(self.page)
        self.page.evaluate("scrollTo(0, 0)")
        self.page.evaluate("Promise.allSettled(document.getAnimations().map(each => each.finished))")

    def view(self) -> Any:
        """Return the part of the page that is in the picture: all of it, unless it is very long."""
        size = self.page.evaluate("[document.documentElement.clientWidth, document.documentElement.scrollHeight]")
        return {"x": 0, "y": 0, "width": size[0], "height": min(size[1], TALLEST)}
