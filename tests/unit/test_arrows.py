"""The arrows between the parts, which only point down."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "scheduler"
PER_PROCESS = ("engine", "worker", "admin")


def modules(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*.py") if "migrations" not in path.parts)


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of what a module imports, wherever in it, names of `from … import` included."""
    package = path.relative_to(ROOT).with_suffix("").parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level]) if node.level else ""
            home = ".".join(part for part in (base, node.module) if part)
            yield home
            yield from (f"{home}.{alias.name}" for alias in node.names)


def imports_of(path: Path, *prefixes: str) -> list[str]:
    return [name for name in imported(path) if any(name == p or name.startswith(f"{p}.") for p in prefixes)]


def test_the_reader_of_imports_understands_relative_ones() -> None:
    assert "scheduler.models.TaskRun" in set(imported(PACKAGE / "engine" / "recovery.py"))
    assert "scheduler.engine.broker" in set(imported(PACKAGE / "engine" / "recovery.py"))


@pytest.mark.parametrize("part", PER_PROCESS)
def test_what_runs_in_one_process_never_imports_what_runs_in_another(part: str) -> None:
    others = [f"scheduler.{other}" for other in PER_PROCESS if other != part]
    wrong = {str(path.relative_to(ROOT)): imports_of(path, *others) for path in modules(PACKAGE / part)}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_app_never_imports_the_project_or_its_tasks() -> None:
    wrong = {str(path.relative_to(ROOT)): imports_of(path, "project", "tasks", "tests") for path in modules(PACKAGE)}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_triggers_know_nothing_of_models() -> None:
    allowed = ("scheduler.triggers", "scheduler.exceptions", "scheduler.said")
    wrong = {}
    for path in modules(PACKAGE / "triggers"):
        names = [n for n in imports_of(path, "scheduler", "django_apscheduler") if n != "scheduler"]
        wrong[path.name] = [n for n in names if not n.startswith(allowed)]
    assert {path: names for path, names in wrong.items() if names} == {}


def test_the_core_knows_nothing_of_the_processes_that_use_it() -> None:
    """Two doors lead up: the public API, imported on first use, and the embedded scheduler, which settings ask for."""
    doors = {"__init__.py", "embedded.py"}
    above = [f"scheduler.{part}" for part in (*PER_PROCESS, "cli", "dev")]
    wrong = {path.name: imports_of(path, *above) for path in sorted(PACKAGE.glob("*.py")) if path.name not in doors}
    assert {path: names for path, names in wrong.items() if names} == {}


def test_tasks_know_only_the_public_api() -> None:
    for path in modules(ROOT / "tasks"):
        for name in imports_of(path, "scheduler"):
            assert name.count(".") <= 2, f"{path.name} imports {name}"
            assert not name.startswith(tuple(f"scheduler.{part}" for part in PER_PROCESS)), f"{path.name}: {name}"


def test_the_top_level_holds_what_the_design_says() -> None:
    for name in ("manage.py", "project", "tasks", "scheduler", "tests", "docker-compose.yml", "Dockerfile", "Makefile"):
        assert (ROOT / name).exists(), name
