"""System checks: each mistake is told once, with what mends it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import current_app
from django.core.checks import run_checks
from django.test import override_settings


def told() -> set[str]:
    return {message.id for message in run_checks() if message.id and message.id.startswith("scheduler.")}


@contextmanager
def celery_conf(**options: Any) -> Iterator[None]:
    before = {name: current_app.conf[name] for name in options}
    current_app.conf.update(options)
    try:
        yield
    finally:
        current_app.conf.update(before)


def test_the_project_itself_is_clean() -> None:
    assert told() == set()


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"SCHEDULER": {"POL_INTERVAL": 1}}, "scheduler.E001"),
        ({"SCHEDULER": ["EMBEDDED"]}, "scheduler.E001"),
        ({"USE_TZ": False}, "scheduler.E003"),
    ],
)
def test_a_wrong_setting_is_told(settings: dict[str, Any], expected: str) -> None:
    with override_settings(**settings):
        assert told() == {expected}


def test_a_broker_option_that_can_freeze_a_worker_is_told() -> None:
    with celery_conf(broker_transport_options={"retry_on_timeout": True}):
        assert told() == {"scheduler.W006"}


def test_a_broker_without_an_address_is_told() -> None:
    with celery_conf(broker_url=None):
        assert told() == {"scheduler.W007"}
