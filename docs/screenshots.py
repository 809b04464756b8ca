"""`make screenshots`: runs everything in a folder of its own and takes the pictures that the docs show."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from urllib.parse import urljoin

from playwright.sync_api import Page, sync_playwright

from tests.programs import Program, free_port
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
LOGIN = re.compile(r"Login: (\S+), password: (\S+)")


def main() -> None:
    """Take every picture. Needs Chromium; takes about a minute, for there must be runs to see."""
    folder = Path(tempfile.mkdtemp(prefix="tickwork-pictures-"))
    port = free_port()
    env = {**os.environ, "VAR_DIR": str(folder), "PORT": str(port), "PYTHONUNBUFFERED": "1"}
    log = folder / "dev.log"
    program = Program([sys.executable, "manage.py", "dev"], name="dev", log=log, env=env, cwd=ROOT)
    try:
        wait_for(lambda: "Tickwork is ready" in program.output, what="everything to be up", timeout=90)
        name, password = LOGIN.search(program.output).groups()  # type: ignore[union-attr]
        take(f"http://127.0.0.1:{port}/admin/", name, password)
    finally:
        program.terminate(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def take(address: str, name: str, password: str) -> None:
    """Log in, wait for runs of several kinds, and take the pictures."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        page = browser.new_page(viewport={"width": 1280, "height": 760})
        page.goto(address)
        page.fill("#id_username", name)
        page.fill("#id_password", password)
        page.click("input[type=submit]")
        wait_for(lambda: has_enough(page, address), what="runs to show", timeout=150, every=2)
        IMAGES.mkdir(exist_ok=True)
        page.screenshot(path=IMAGES / "runs.png")
        print(f"{IMAGES / 'runs.png'}")
        browser.close()


def has_enough(page: Page, address: str) -> bool:
    """Whether the runs page shows a running task among ended ones."""
    page.goto(urljoin(address, "scheduler/taskrun/"))
    text = page.inner_text("#content")
    return "running" in text and text.count("success") >= 8


if __name__ == "__main__":
    main()
