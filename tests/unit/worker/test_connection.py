"""A worker's connection to its broker closes, whatever becomes of its channels."""

from __future__ import annotations

import logging

import pytest

from scheduler.worker.connection import SturdyConnection


def test_a_channel_that_fails_to_close_ends_no_worker(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Closed a second time, without a transport, a channel of kombu's has an AttributeError for it."""

    def fail() -> None:
        raise AttributeError("'NoneType' object has no attribute 'client'")

    with SturdyConnection("memory://") as connection, caplog.at_level(logging.INFO):
        channel = connection.channel()
        with monkeypatch.context() as broken:
            broken.setattr(channel, "close", fail)
            connection.maybe_close_channel(channel)
    assert "could not be closed in order: 'NoneType'" in caplog.text
