from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest

from scheduler.exceptions import InvalidInput, InvalidSetting
from tasks.output_files import ABANDONED_SECONDS, Series, check_keep


def write(series: Series, text: str = "x") -> Path:
    with series.new_file() as (part, target):
        part.write_text(text)
    return target


def test_a_file_appears_complete_and_readable_for_its_owner_only(tmp_path: Path) -> None:
    series = Series(tmp_path, "shop", "dump")
    with series.new_file() as (part, target):
        part.write_text("all of it")
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == [target.name]


def test_a_failure_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), Series(tmp_path, "shop", "dump").new_file() as (part, _target):
        part.write_text("half of it")
        raise RuntimeError
    assert os.listdir(tmp_path) == []


def test_rotation_keeps_the_newest_and_deletes_nothing_that_is_not_its_own(tmp_path: Path) -> None:
    series = Series(tmp_path, "shop", "dump")
    files = [write(series) for _ in range(5)]
    stamp = files[0].name.removeprefix("shop-").removesuffix(".dump")
    strangers = [
        "notes.txt",
        "shop.dump",
        "shop-old.dump",
        f"shop-{stamp}.dump.gz",
        f"shop-{stamp}.sqlite3",
        f"workshop-{stamp}.dump",
        f"shop-{stamp}-{stamp}.dump",
        f".shop-{stamp}.dump.abc.part",
    ]
    for name in strangers:
        (tmp_path / name).write_text("mine")
    folder = tmp_path / "shop-20200101T000000.000000Z.dump"
    folder.mkdir()
    link = tmp_path / "shop-20200102T000000.000000Z.dump"
    link.symlink_to(tmp_path / "notes.txt")

    removed = series.rotate(keep=2)

    assert removed == [path.name for path in files[:3]]
    assert {path.name for path in tmp_path.iterdir()} == {
        *strangers,
        *(path.name for path in files[3:]),
        folder.name,
        link.name,
    }


def test_rotation_clears_away_what_a_killed_task_left_a_day_ago(tmp_path: Path) -> None:
    old = tmp_path / ".shop-20200101T000000.000000Z.dump.ab_cd12.part"
    old.write_text("half")
    os.utime(old, (old.stat().st_mtime - ABANDONED_SECONDS - 60,) * 2)
    other = tmp_path / ".other-20200101T000000.000000Z.dump.ab_cd12.part"
    other.write_text("half")
    os.utime(other, (0, 0))
    Series(tmp_path, "shop", "dump").rotate(keep=1)
    assert not old.exists()
    assert other.exists()


@pytest.mark.parametrize("keep", [0, -1, True, 1.5, "7", None])
def test_a_number_of_files_that_is_none_is_refused(keep: object) -> None:
    with pytest.raises(InvalidInput, match=r"keep: .* whole number from 1"):
        check_keep(keep)


def test_a_relative_directory_lies_in_the_project_s_folder(tmp_path: Path, settings: Any) -> None:
    settings.BASE_DIR = tmp_path
    settings.SCHEDULER = {"BACKUP_DIR": "var/deep/backups"}
    series = Series.of_setting("BACKUP_DIR", "shop", "dump")
    assert series.directory == tmp_path / "var/deep/backups"
    assert series.directory.is_dir()


def test_a_directory_that_can_not_be_made_is_named_with_its_setting(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").write_text("in the way")
    settings.SCHEDULER = {"BACKUP_DIR": str(tmp_path / "file" / "backups")}
    with pytest.raises(InvalidSetting, match=r"SCHEDULER\['BACKUP_DIR'\].*Not a directory"):
        Series.of_setting("BACKUP_DIR", "shop", "dump")
