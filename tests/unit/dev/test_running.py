"""What stands in the way of `manage.py dev`, the embedded broker and the first login."""

from __future__ import annotations

import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import redis
from django.contrib.auth import authenticate, get_user_model

from scheduler.dev import broker, kept, login, obstacles, running


def test_a_busy_port_is_one_line_with_another_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(obstacles.CannotRun, match=f"PORT: {port} can't be used .*PORT={port + 1} make run"):
            obstacles.check_port(port)


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(obstacles.CannotRun, match="can't be written"):
        obstacles.check_folder(tmp_path / "file" / "var")


def test_what_is_in_the_way_is_told_in_one_line_that_begins_with_error(
    settings: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.VAR_DIR = tmp_path
    with obstacles.only_one(tmp_path, 8123):
        assert running.run(8124) == 2
    told = capsys.readouterr().err
    assert told.startswith("Error: Tickwork is running here already")
    assert len(told.splitlines()) == 1


def test_a_folder_is_run_from_only_once(tmp_path: Path) -> None:
    refused = pytest.raises(obstacles.CannotRun, match=f"already.*127.0.0.1:8123/admin/.*`kill {os.getpid()}`")
    with obstacles.only_one(tmp_path, 8123), refused, obstacles.only_one(tmp_path, 8124):
        pass
    with obstacles.only_one(tmp_path, 8123):
        pass


def test_the_embedded_broker_keeps_its_work_and_asks_for_its_password(tmp_path: Path) -> None:
    file = tmp_path / "broker.url"
    url = broker.free_address(file)

    def start() -> subprocess.Popen[bytes]:
        server = subprocess.Popen(broker.command(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
        assert server.stdin is not None
        with server.stdin as pipe:
            pipe.write(broker.configuration(url, tmp_path).encode())
        client.ping()
        return server

    patience = redis.retry.Retry(redis.backoff.ConstantBackoff(0.1), 100)
    client = redis.Redis.from_url(url, retry=patience, retry_on_error=[redis.ConnectionError, redis.BusyLoadingError])
    server = start()
    client.lpush("default", "message")
    with pytest.raises(redis.AuthenticationError), redis.Redis(port=urlsplit(url).port or 0) as stranger:
        stranger.ping()
    server.terminate()
    server.wait(10)

    server = start()
    assert client.lrange("default", 0, -1) == [b"message"]
    assert broker.free_address(file) == url  # what an earlier run left behind is stopped, not given a rival
    assert server.wait(10) == 0
    client.close()


def test_the_broker_moves_when_somebody_else_has_its_port(tmp_path: Path) -> None:
    file = tmp_path / "broker.url"
    url = kept.broker_url(tmp_path)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", urlsplit(url).port or 0))
        taken.listen()
        moved = broker.free_address(file)
    assert moved != url
    assert kept.broker_url(tmp_path) == moved


@pytest.mark.django_db
def test_the_first_login_is_made_once_and_its_password_shown_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DJANGO_SUPERUSER_PASSWORD", raising=False)
    made = re.fullmatch(r"Login: admin, password: (\S{12,}) \(shown only this once\)", login.ensure_login())
    assert made
    user = authenticate(username="admin", password=made[1])
    assert user is not None
    assert user.is_superuser
    again = login.ensure_login()
    assert "changepassword admin" in again
    assert made[1] not in again
    assert get_user_model().objects.count() == 1


@pytest.mark.django_db
def test_a_login_may_be_given_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_USERNAME", "mei")
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a password of one's own")
    assert "one's own" not in login.ensure_login()
    assert authenticate(username="mei", password="a password of one's own")
