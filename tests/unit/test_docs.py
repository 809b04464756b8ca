"""Holds the documentation against the code: settings, environment, states, options and links."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from scheduler import options
from scheduler.conf import SETTINGS
from scheduler.lookup import JobState
from scheduler.models import State

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def anchors(page: Path) -> set[str]:
    """The fragments of a page's headings, as the usual renderers make them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", read(page)), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_every_setting_stands_in_the_deployment_page_with_its_default() -> None:
    text = read(DOCS / "deployment.md")
    rows = [f"| `{name}` | `{s.default!r}` | {s.wanted} | {s.meaning} |" for name, s in SETTINGS.items()]
    assert [row for row in rows if row not in text] == []


def test_every_environment_variable_stands_in_the_deployment_page() -> None:
    code = read(ROOT / "project" / "settings.py") + read(ROOT / "project" / "environment.py")
    names = set(re.findall(r'environ(?:ment)?, "([A-Z_]+)"', code))
    names |= set(re.findall(r"^#?([A-Z_]+)=", read(ROOT / ".env.example"), re.MULTILINE))
    text = read(DOCS / "deployment.md")
    assert "DATABASE_URL" in names
    assert sorted(name for name in names if f"`{name}`" not in text) == []


@pytest.mark.parametrize("state", State.values)
def test_every_state_of_a_run_stands_in_the_lifecycle_page(state: str) -> None:
    assert f"| `{state}` |" in read(DOCS / "lifecycle.md")


@pytest.mark.parametrize("state", get_args(JobState))
def test_every_state_of_a_job_stands_in_the_lifecycle_page(state: str) -> None:
    assert f"| `{state}` |" in read(DOCS / "lifecycle.md")


def test_every_option_of_a_job_stands_in_the_policies_page() -> None:
    text = read(DOCS / "policies.md")
    assert [name for name in options.CHECKS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for link in LINK.findall(FENCE.sub("", read(page))):
        if re.match(r"[a-z]+:", link):
            continue
        name, _, fragment = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        if not target.exists() or (fragment and fragment not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_every_page_can_be_reached_from_the_index() -> None:
    linked = {(DOCS / link.partition("#")[0]).resolve() for link in LINK.findall(read(DOCS / "index.md"))}
    assert [page.name for page in sorted(DOCS.rglob("*.md")) if page.name != "index.md" and page not in linked] == []


def test_the_readme_has_fewer_than_200_lines() -> None:
    assert len(read(ROOT / "README.md").splitlines()) < 200
