"""The project's Celery app."""

from __future__ import annotations

from project.celery import app, import_every_module_of_tasks
from scheduler import known_tasks


def test_tasks_are_acknowledged_early_and_leave_no_result() -> None:
    assert app.conf.task_acks_late is False
    assert app.conf.task_ignore_result is True
    assert app.conf.result_backend is None
    assert app.conf.worker_prefetch_multiplier == 1
    assert app.conf.task_default_queue == "default"
    assert app.conf.task_reject_on_worker_lost is not True


def test_every_module_of_tasks_is_loaded_and_a_broken_one_costs_only_itself(tmp_path, monkeypatch, caplog) -> None:  # type: ignore[no-untyped-def]
    import tasks

    (tmp_path / "broken_for_test.py").write_text("raise RuntimeError('half written')\n")
    (tmp_path / "good_for_test.py").write_text("LOADED = True\n")
    monkeypatch.setattr(known_tasks, "unloaded", {})
    monkeypatch.setattr(tasks, "__path__", [*tasks.__path__, str(tmp_path)])
    import_every_module_of_tasks()
    [line] = [record for record in caplog.records if record.levelname == "ERROR"]
    assert line.message.startswith("tasks.broken_for_test could not be loaded")
    assert line.message.endswith("RuntimeError: half written")
    assert line.exc_info is None
    assert known_tasks.unloaded == {"tasks.broken_for_test": "RuntimeError: half written"}
    import tasks.good_for_test  # type: ignore[import-not-found]

    assert tasks.good_for_test.LOADED
