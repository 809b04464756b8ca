"""Files of others are what their page says they are."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import django_htmx

VENDOR = Path(__file__).parents[3] / "scheduler" / "static" / "scheduler" / "vendor"


def test_every_file_of_others_is_listed_with_its_licence_and_checksum() -> None:
    told = dict(re.findall(r"^\| `([^`]+)` \|.*\| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.M))
    files = [path for path in VENDOR.iterdir() if path.name != "README.md"]
    assert told == {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_htmx_is_the_one_that_django_htmx_bundles() -> None:
    theirs = Path(django_htmx.__file__).parent / "static" / "django_htmx" / "htmx-2.min.js"
    assert (VENDOR / "htmx.min.js").read_bytes() == theirs.read_bytes()
