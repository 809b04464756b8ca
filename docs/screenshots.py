"""`make screenshots`: every screen at two widths, in light and dark, into var/screenshots; some into docs/images.

Each scene (screenshot_scenes.py) gets a database of its own. `some` is then run for real: `manage.py dev`.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from docs import screenshot_tours
from docs.screenshot_camera import Camera
from docs.screenshot_scenes import READY, SCENES
from tests.programs import Program, free_port
from tests.servers import Valkey, is_listening
from tests.waiting import wait_for

ROOT = Path(__file__).resolve().parent.parent
IMAGES = ROOT / "docs" / "images"
FOLDER = ROOT / "var" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
PASSWORD = "for-the-pictures-only"  # noqa: S105 - of a server that lives for these minutes
TOURS: dict[str, Callable[[Camera], None]] = {
    "nothing": screenshot_tours.nothing,
    "some": screenshot_tours.some,
    "many": screenshot_tours.many,
}


def main() -> None:
    """Take all pictures, or those of the scenes that are named. Needs Chromium; takes a few minutes."""
    wanted = sys.argv[1:] or list(SCENES)
    if unknown := set(wanted) - set(SCENES):
        sys.exit(f"There is no scene {', '.join(sorted(unknown))}. There are {', '.join(SCENES)}.")
    too_wide = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-background-networking"]
        )
        for scene in wanted:
            shutil.rmtree(FOLDER / scene, ignore_errors=True)
            with running(scene) as address:
                too_wide += tour(scene, browser, address)
        browser.close()
    if too_wide:
        sys.exit("Wider than a phone: " + ", ".join(too_wide))


def tour(scene: str, browser: Browser, address: str) -> list[str]:
    """Log in, take the pictures of one scene, and return those screens that have to be scrolled sideways."""
    page = browser.new_page(base_url=address, reduced_motion="reduce", timezone_id="UTC")
    page.goto("/")
    page.fill("#id_username", "admin")
    page.fill("#id_password", PASSWORD)
    page.click("input[type=submit]")
    camera = Camera(page, FOLDER / scene, IMAGES)
    TOURS[scene](camera)
    page.close()
    return [f"{scene}/{name}" for name in camera.too_wide]


@contextmanager
def running(scene: str) -> Iterator[str]:
    """Set a scene in a folder of its own and serve it; the value is its address."""
    folder = Path(tempfile.mkdtemp(prefix="tickwork-pictures-"))
    port, broker = free_port(), Valkey(folder / "valkey")
    env = {**os.environ, "VAR_DIR": str(folder), "PORT": str(port), "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
           "PYTHONUNBUFFERED": "1", "BROKER_URL": broker.url}  # fmt: skip
    for name in ("DATABASE_URL", "SECRET_KEY", "DJANGO_SUPERUSER_USERNAME", "DJANGO_SETTINGS_MODULE"):
        env.pop(name, None)
    programs = []

    def start(name: str, *command: str) -> Program:
        program = Program([sys.executable, *command], name=name, log=folder / f"{name}.log", env=env, cwd=ROOT)
        programs.append(program)
        return program

    try:
        broker.start()
        setting = start("scene", "-m", "docs.screenshot_scenes", scene)
        wait_for(lambda: READY in told(setting), what=f"the scene {scene}", timeout=600, every=0.5)
        if scene == "some":
            setting.wait(60)  # SQLite has one writer
            served = start("dev", "manage.py", "dev")
            wait_for(lambda: "Tickwork is ready" in told(served), what="everything to be up", timeout=120, every=0.5)
        else:
            served = start("web", *f"-m gunicorn project.wsgi --bind 127.0.0.1:{port} --threads 4".split())
            wait_for(lambda: told(served) and is_listening(port), what="the web server", timeout=60, every=0.5)
        yield f"http://127.0.0.1:{port}"
    finally:
        for program in reversed(programs):
            program.end()
        broker.stop()
        shutil.rmtree(folder, ignore_errors=True)


def told(program: Program) -> str:
    """Return what a program has printed. :raises SystemExit: if it has ended in an error"""
    if program.process.poll():
        raise SystemExit(f"{program} has ended:\n{program.output[-3000:]}")
    return program.output


if __name__ == "__main__":
    main()
