"""Files that a task leaves behind: dated names, written all or nothing, the newest kept; runs in the worker."""

from __future__ import annotations

import datetime
import os
import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from scheduler import conf, exceptions

STAMP = "%Y%m%dT%H%M%S.%fZ"
STAMP_PATTERN = r"\d{8}T\d{6}\.\d{6}Z"
ABANDONED_SECONDS = 24 * 3600


def check_keep(keep: object) -> int:
    """Return `keep`, the number of files to leave, as it is.

    :raises InvalidInput: unless it is a whole number from 1
    """
    if not isinstance(keep, int) or isinstance(keep, bool) or keep < 1:
        raise exceptions.InvalidInput("keep", keep, "is not a number of files", "It takes a whole number from 1.")
    return keep


@dataclass(frozen=True)
class Series:
    """The files `<name>-<UTC time>.<extension>` in one directory: a backup's or a report's history.

    :param directory: made when it is missing, readable for its owner only
    :param name: what they have in common; holds no slash
    :param extension: without its dot
    """

    directory: Path
    name: str
    extension: str

    @classmethod
    def of_setting(cls, setting: str, name: str, extension: str) -> Series:
        """Return the series in the directory that `SCHEDULER[setting]` names, relative to the project's folder.

        :raises InvalidInput: when the directory can't be made
        """
        given = conf.get(setting)
        directory = Path(getattr(settings, "BASE_DIR", "."), given).resolve()
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise exceptions.InvalidSetting(
                f"SCHEDULER[{setting!r}]",
                given,
                f"can't be used as a directory ({error.strerror})",
                "Name one that the worker may write to.",
            ) from error
        return cls(directory, name, extension)

    @contextmanager
    def new_file(self) -> Iterator[tuple[Path, Path]]:
        """Yield (an empty file with mode 0600 to write to, the path that it gets when the block ends well).

        The file appears under its own name complete and on disk, or not at all.
        """
        stamp = datetime.datetime.now(datetime.UTC).strftime(STAMP)
        target = self.directory / f"{self.name}-{stamp}.{self.extension}"
        handle, part_name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=self.directory)
        os.close(handle)
        part = Path(part_name)
        try:
            yield part, target
            _to_disk(part)
            part.replace(target)
            _to_disk(self.directory)
        finally:
            part.unlink(missing_ok=True)

    def rotate(self, keep: int) -> list[str]:
        """Delete all but the newest `keep` files of the series, and what a killed task left half written a day ago.

        Nothing else in the directory is touched: links, folders and files with any other name stay.
        Return the names of the complete files that were deleted.
        """
        pattern = rf"{re.escape(self.name)}-{STAMP_PATTERN}\.{re.escape(self.extension)}"
        own = [path for path in self.directory.iterdir() if path.is_file() and not path.is_symlink()]
        for path in own:
            if re.fullmatch(rf"\.{pattern}\.\w+\.part", path.name) and _age(path) > ABANDONED_SECONDS:
                path.unlink(missing_ok=True)
        complete = sorted((path for path in own if re.fullmatch(pattern, path.name)), key=lambda path: path.name)
        removed = complete[:-keep]
        for path in removed:
            path.unlink(missing_ok=True)
        return [path.name for path in removed]


def _age(path: Path) -> float:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:  # another worker's rotation was faster
        return 0.0


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
