"""Every text of the code is in the catalogues, every text of the catalogues is translated, and so it is compiled."""

from __future__ import annotations

import gettext
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.catalogue import CATALOGUES, ROOT, Entry, read

LANGUAGES = {path.parts[-3] for path in CATALOGUES}


def compiled(path: Path) -> dict[Any, str]:
    with path.open("rb") as file:
        return dict(gettext.GNUTranslations(file)._catalog)


def of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_there_are_catalogues_of_the_app_and_of_the_project_in_each_language() -> None:
    assert {path.parts[-5] for path in CATALOGUES} == {"scheduler", "project"}
    assert len(CATALOGUES) == 2 * len(LANGUAGES) and "zh_Hans" in LANGUAGES


@pytest.mark.parametrize("path", CATALOGUES, ids=of)
def test_every_text_is_translated_with_all_that_is_filled_in(path: Path) -> None:
    _head, *entries = read(path)
    assert entries
    for entry in entries:
        places, theirs = entry.places()
        assert all(entry.translations), f"{entry.text!r} is not translated"
        assert "fuzzy" not in entry.flags, f"{entry.text!r} is only guessed"
        assert all(each == places for each in theirs), f"{entry.text!r} and {entry.translations} are filled otherwise"


@pytest.mark.parametrize("path", CATALOGUES, ids=of)
def test_the_compiled_catalogue_is_that_of_the_texts(path: Path) -> None:
    _head, *entries = read(path)
    wanted = {key: text for entry in entries for key, text in zip(entry.keys(), entry.translations, strict=True)}
    found = compiled(path.with_suffix(".mo"))
    found.pop("")
    assert found == wanted, "run `make messages`"


def test_the_catalogues_hold_exactly_the_texts_of_the_code(tmp_path: Path) -> None:
    if shutil.which("xgettext") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("gettext is missing (on Debian and Ubuntu: apt install gettext); with CI=true this has to run.")
        pytest.skip("needs gettext (on Debian and Ubuntu: apt install gettext)")
    for name in ("manage.py", "Makefile", "project", "scheduler"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, tmp_path / name)
    arguments = collecting_arguments()
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "project.settings", "VAR_DIR": str(tmp_path / "var")}
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stdout + done.stderr
    for path in CATALOGUES:
        assert lines(tmp_path / path.relative_to(ROOT)) == lines(path), "run `make messages`, and translate what is new"


def collecting_arguments() -> list[str]:
    """Return what the Makefile passes to manage.py to collect the texts."""
    rule = (ROOT / "Makefile").read_text().split("\nmessages:")[1].split("compilemessages")[0].replace("\\\n", " ")
    [line] = [line for line in rule.split("\n") if "makemessages" in line]
    return line.split("manage.py", 1)[1].split()


def lines(path: Path) -> list[str]:
    """Return a catalogue without the flags, which depend on gettext's version."""
    return [line for line in path.read_text(encoding="utf-8").split("\n") if not line.startswith("#,")]


def test_a_translation_that_leaves_out_what_is_filled_in_would_be_found() -> None:
    entry = Entry(text="%(count)s jobs of %s", translations=["%(count)s 个作业"])
    places, theirs = entry.places()
    assert theirs != [places]
