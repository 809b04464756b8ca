"""The dict `SCHEDULER`: defaults, refusals, and the names of settings that people may have meant."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import conf
from scheduler.checks import check_settings
from scheduler.exceptions import InvalidSetting


@pytest.mark.parametrize("key", conf.SETTINGS)
def test_every_default_is_valid(key: str) -> None:
    setting = conf.SETTINGS[key]
    assert setting.accepts(setting.default)
    assert setting.wanted
    assert setting.meaning
    conf.validate({key: setting.default})


def test_a_setting_that_the_project_does_not_make_has_its_default(settings: Any) -> None:
    settings.SCHEDULER = {}
    assert conf.get("POLL_INTERVAL") == 1.0
    del settings.SCHEDULER
    assert conf.get("BATCH_SIZE") == 500
    settings.SCHEDULER = {"BATCH_SIZE": 7}
    assert conf.get("BATCH_SIZE") == 7


@pytest.mark.parametrize(
    ("given", "meant"),
    [("POLL_INTERVALL", "POLL_INTERVAL"), ("poll_interval", "POLL_INTERVAL"), ("LOST", "LOST_AFTER")],
)
def test_an_unknown_key_names_the_nearest_known_one(given: str, meant: str) -> None:
    with pytest.raises(InvalidSetting, match=f"{given}.*Did you mean '{meant}'"):
        conf.validate({given: 1})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("POLL_INTERVAL", 0),
        ("POLL_INTERVAL", "1"),
        ("POLL_INTERVAL", True),
        ("POLL_INTERVAL", float("nan")),
        ("POLL_INTERVAL", None),
        ("BATCH_SIZE", 0),
        ("BATCH_SIZE", 1.5),
        ("EMBEDDED", "yes"),
        ("EMBEDDED", 1),
        ("COMMANDS", "clearsessions"),
        ("COMMANDS", [1]),
        ("BACKUP_DIR", None),
        ("RETENTION_DAYS", -1),
        ("ALLOWED_TASKS", "tasks.*"),
        ("TASK_PERMISSIONS", {"tasks.*": "no_app"}),
        ("TASK_PERMISSIONS", ["scheduler.run_job"]),
    ],
)
def test_a_wrong_value_is_refused_by_name(settings: Any, key: str, value: Any) -> None:
    with pytest.raises(InvalidSetting) as caught:
        conf.validate({key: value})
    assert caught.value.field == f"SCHEDULER[{key!r}]"
    assert caught.value.mend == f"It takes {conf.SETTINGS[key].wanted}."
    settings.SCHEDULER = {key: value}
    with pytest.raises(InvalidSetting):
        conf.get(key)
    (error,) = check_settings(None)
    assert (error.id, error.hint) == ("scheduler.E001", caught.value.mend)


@pytest.mark.parametrize("given", [None, [], "EMBEDDED", 3])
def test_what_is_no_dict_is_refused(given: Any) -> None:
    with pytest.raises(InvalidSetting, match="is not a dict"):
        conf.validate(given)


def test_a_name_that_is_no_setting_of_ours_is_our_own_mistake() -> None:
    with pytest.raises(KeyError):
        conf.get("NOTHING")
