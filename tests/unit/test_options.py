"""The options of a job: what they accept, and how they are told apart from a trigger's arguments."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import options
from scheduler.exceptions import InvalidInput
from scheduler.models import ScheduledTask


@pytest.mark.parametrize("field", options.DEFAULTS)
def test_every_default_is_accepted_and_is_the_models(field: str) -> None:
    default = options.DEFAULTS[field]
    assert options.CHECKS[field](field, default) == default
    assert ScheduledTask._meta.get_field(field).get_default() == default


def test_every_option_has_a_default_and_a_column() -> None:
    assert set(options.CHECKS) == set(options.DEFAULTS)
    assert set(options.CHECKS) <= {field.name for field in ScheduledTask._meta.get_fields()}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("queue", "long"),
        ("queue", "a.b-c_d:e/f@g+1"),
        ("priority", 0),
        ("priority", 255),
        ("expires", 0.5),
        ("time_limit", 3),
        ("max_instances", 2**31 - 1),
        ("overlap", "replace"),
        ("misfire_grace_time", 1),
        ("catch_up", "all"),
        ("on_lost", "retry"),
        ("run_at_start", True),
        ("tags", ("nightly", "a b")),
        ("name", "Ünïcödé 名前"),
    ],
)
def test_good_values_are_accepted(field: str, value: Any) -> None:
    chosen, rest = options.split({field: value})
    assert chosen[field] == (sorted(value) if field == "tags" else value)
    assert rest == {}


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("queue", "two words"),
        ("queue", "q" * 256),
        ("queue", 3),
        ("priority", -1),
        ("priority", 256),
        ("priority", True),
        ("priority", "3"),
        ("expires", 0),
        ("expires", -1),
        ("expires", "60"),
        ("expires", float("nan")),
        ("expires", float("inf")),
        ("time_limit", True),
        ("soft_time_limit", []),
        ("max_instances", 0),
        ("max_instances", 1.0),
        ("max_instances", 2**31),
        ("max_instances", None),
        ("overlap", "both"),
        ("overlap", None),
        ("misfire_grace_time", 0),
        ("misfire_grace_time", 1.5),
        ("catch_up", "two"),
        ("catch_up", ["one"]),
        ("on_lost", "again"),
        ("run_at_start", "yes"),
        ("run_at_start", 1),
        ("description", "x" * 10_001),
        ("description", "\x00"),
        ("description", None),
        ("tags", "one"),
        ("tags", 3),
        ("tags", [""]),
        ("tags", ["x" * 51]),
        ("tags", [3]),
        ("owner", "x" * 151),
        ("name", "x" * 256),
        ("name", "\ud800"),
        ("coalesce", 1),
        ("jobstore", "memory"),
        ("executor", "processpool"),
    ],
)
def test_bad_values_are_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput) as caught:
        options.split({field: value})
    assert caught.value.field == field
    assert field in str(caught.value)


def test_what_is_no_option_is_left_for_the_trigger() -> None:
    chosen, rest = options.split({"queue": "long", "seconds": 3, "start_date": None})
    assert (chosen, rest) == ({"queue": "long"}, {"seconds": 3, "start_date": None})


def test_apschedulers_coalesce_is_understood() -> None:
    assert options.split({"coalesce": True})[0] == {"catch_up": "one"}
    assert options.split({"coalesce": False})[0] == {"catch_up": "all"}


def test_apschedulers_default_job_store_and_executor_are_taken_without_effect() -> None:
    assert options.split({"jobstore": "default", "executor": None}) == ({}, {})


def test_the_soft_limit_must_come_before_the_hard_one() -> None:
    options.split({"soft_time_limit": 5, "time_limit": 5})
    with pytest.raises(InvalidInput, match="soft_time_limit"):
        options.split({"soft_time_limit": 6, "time_limit": 5})


def test_an_unknown_option_names_the_nearest_one() -> None:
    with pytest.raises(InvalidInput, match="Did you mean max_instances"):
        options.refuse_unknown({"max_instance": 3})
    with pytest.raises(InvalidInput, match="Did you mean crontab"):
        options.refuse_unknown({"cron_tab": 3}, ("crontab",))
    with pytest.raises(InvalidInput, match="The options are"):
        options.refuse_unknown({"xyzzy": 3})
