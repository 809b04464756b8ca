from __future__ import annotations

import csv
import datetime
import stat
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from scheduler.exceptions import InvalidInput
from scheduler.models import State, TaskRun
from tasks import reports
from tasks.reports import COLUMNS, report_runs, safe_cell

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def directory(tmp_path: Path, settings: Any) -> Path:
    settings.SCHEDULER = {"REPORT_DIR": str(tmp_path / "reports")}
    return tmp_path / "reports"


def run_of(job_id: str, hours_ago: float, **fields: object) -> TaskRun:
    due = timezone.now() - datetime.timedelta(hours=hours_ago)
    return TaskRun(**{"job_id": job_id, "task": "t", "scheduled_at": due, "created_at": due, **fields})


def rows_of(report: dict) -> list[dict[str, str]]:
    with open(report["path"], encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_report_holds_the_runs_of_the_last_day_the_oldest_first(directory: Path) -> None:
    start = timezone.now() - datetime.timedelta(hours=2)
    TaskRun.objects.bulk_create(
        [
            run_of("still-going", 1, state=State.RUNNING, started_at=start, worker="w2"),
            run_of(
                "任务",
                2,
                state=State.SUCCESS,
                started_at=start,
                finished_at=start + datetime.timedelta(seconds=1.5),
                worker="w1@host",
            ),
            run_of("skipped", 3, state=State.SKIPPED, reason='maximum "number"\nof instances'),
            run_of("too-old", 25, state=State.SUCCESS),
            run_of("not-due", -1),
        ]
    )
    report = report_runs.run()
    rows = rows_of(report)
    assert [row["job"] for row in rows] == ["skipped", "任务", "still-going"]
    assert rows[0]["reason"] == 'maximum "number"'
    assert (rows[0]["started"], rows[0]["duration"]) == ("", "")
    assert (rows[1]["state"], rows[1]["duration"], rows[1]["worker"]) == ("success", "1.500", "w1@host")
    assert datetime.datetime.fromisoformat(rows[1]["started"]).timestamp() == pytest.approx(
        start.timestamp(), abs=0.001
    )
    assert rows[2]["finished"] == ""
    assert report["rows"] == 3
    path = Path(report["path"])
    assert (path.parent, path.stat().st_size) == (directory, report["bytes"])
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_hours_reach_further_back() -> None:
    run_of("old", 47, state=State.SUCCESS).save()
    assert report_runs.run(hours=24)["rows"] == 0
    assert report_runs.run(hours=48)["rows"] == 1


def test_an_empty_report_has_its_header() -> None:
    assert Path(report_runs.run()["path"]).read_bytes() == ",".join(COLUMNS).encode() + b"\r\n"


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "＝"])
def test_no_cell_is_a_formula(start: str) -> None:
    formula = f"{start}cmd|' /C calc'!A0"
    run_of(formula, 1, state=State.FAILURE, worker=formula, exception=formula).save()
    (row,) = rows_of(report_runs.run())
    assert row["job"] == row["worker"] == "'" + formula
    assert row["reason"] == ("cmd|' /C calc'!A0" if start.isspace() else "'" + formula)


def test_an_ordinary_cell_stays_as_it_is() -> None:
    assert safe_cell("a=b, c-d") == "a=b, c-d"
    assert safe_cell("") == ""


def test_rows_are_streamed_with_progress(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple] = []
    monkeypatch.setattr(reports, "progress", lambda *told: seen.append(told))
    TaskRun.objects.bulk_create([run_of("many", 1, state=State.SUCCESS) for _ in range(1_200)])
    assert report_runs.run()["rows"] == 1_200
    assert [told[:2] for told in seen] == [(500, 1_200), (1_000, 1_200), (1_200, 1_200)]


def test_a_report_that_is_cancelled_leaves_no_file(monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
    def cancel(*told: object) -> None:
        raise RuntimeError("cancelled")

    monkeypatch.setattr(reports, "progress", cancel)
    with pytest.raises(RuntimeError, match="cancelled"):
        report_runs.run()
    assert list(directory.iterdir()) == []


def test_only_the_newest_reports_are_kept(directory: Path) -> None:
    paths = [report_runs.run(keep=2)["path"] for _ in range(4)]
    assert sorted(str(path) for path in directory.iterdir()) == paths[2:]


@pytest.mark.parametrize("hours", [0, -5, 10_000, True, "24", 1.5])
def test_hours_out_of_range_are_refused(hours: object) -> None:
    with pytest.raises(InvalidInput, match=r"^hours: "):
        report_runs.run(hours=hours)
