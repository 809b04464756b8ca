"""The URLs in the environment: what they accept, and one line without the password for what they refuse."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from project import addresses, environment
from scheduler.exceptions import InvalidSetting


def database(url: str, tmp_path: Path) -> dict[str, object]:
    return addresses.database({"DATABASE_URL": url}, tmp_path, tmp_path / "db.sqlite3")


def test_without_a_database_url_the_database_is_a_sqlite_file_that_processes_can_share(tmp_path: Path) -> None:
    config = addresses.database({}, tmp_path, tmp_path / "db.sqlite3")
    assert config["ENGINE"] == "django.db.backends.sqlite3"
    assert config["NAME"] == str(tmp_path / "db.sqlite3")
    assert config["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert config["OPTIONS"]["timeout"] == 20
    assert "journal_mode=WAL" in config["OPTIONS"]["init_command"]
    assert "synchronous=NORMAL" in config["OPTIONS"]["init_command"]


def test_an_empty_variable_counts_as_not_given(tmp_path: Path) -> None:
    assert database("  ", tmp_path)["NAME"] == str(tmp_path / "db.sqlite3")
    assert environment.boolean({"DEBUG": ""}, "DEBUG", True) is True


def test_a_relative_sqlite_file_lies_in_the_project(tmp_path: Path) -> None:
    assert database("sqlite:///jobs.sqlite3", tmp_path)["NAME"] == str(tmp_path / "jobs.sqlite3")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_postgresql_is_read_with_its_options(scheme: str, tmp_path: Path) -> None:
    config = database(f"{scheme}://user:p%23w%40@db.example.com:6432/jobs?sslmode=require", tmp_path)
    assert config["ENGINE"] == "django.db.backends.postgresql"
    assert (config["USER"], config["PASSWORD"], config["HOST"]) == ("user", "p#w@", "db.example.com")
    assert (config["PORT"], config["NAME"]) == (6432, "jobs")
    assert config["OPTIONS"]["sslmode"] == "require"
    assert config["OPTIONS"]["connect_timeout"] == 10
    assert config["CONN_HEALTH_CHECKS"] is True


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("nonsense", "is not a URL"),
        ("postgres:user:hunter2@host/db", "is not a URL"),
        ("mysql://user:hunter2@host/db", "is not a PostgreSQL or SQLite database"),
        ("postgres://user:hunter2@host", "names no database"),
        ("postgres://user:hunter2@host/", "names no database"),
        ("postgres://user:hunter2@host:many/db", "is not a valid URL"),
        ("postgres://user:hunter2#1@host/db", "is not a valid URL"),
        ("postgres://user@host/db?password=hunter2&port=x\n", None),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("sqlite://:memory:", "is not a valid URL"),
        ("sqlite://jobs.sqlite3", "two slashes"),
        ("sqlite:////does/not/exist/db.sqlite3", "does not exist"),
        ("sqlite:////tmp", "is a folder"),
    ],
)
def test_a_bad_database_url_is_refused_without_showing_its_password(
    url: str, problem: str | None, tmp_path: Path
) -> None:
    if problem is None:
        assert "hunter2" not in addresses.masked(url)
        return
    with pytest.raises(InvalidSetting, match=problem) as refused:
        database(url, tmp_path)
    assert refused.value.field == "DATABASE_URL"
    assert refused.value.mend
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["redis://h", "redis://:pw@h:6379/0", "rediss://h:6380/12", "redis://[::1]:6379/", "redis+socket:///run/v.sock"],
)
def test_a_redis_or_valkey_is_accepted_as_the_broker(url: str, tmp_path: Path) -> None:
    assert addresses.broker({"BROKER_URL": url}, tmp_path) == url


@pytest.mark.parametrize(
    "url",
    [
        "amqp://user:hunter2@host//",
        "memory://",
        "host:6379",
        "redis://",
        "redis:///0",
        "redis://:hunter2@host/queue",
        "redis://:hunter2@host:99999/0",
        "redis+socket://host/0",
    ],
)
def test_a_bad_broker_url_is_refused_without_showing_its_password(url: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidSetting) as refused:
        addresses.broker({"BROKER_URL": url}, tmp_path)
    assert refused.value.field == "BROKER_URL"
    assert "redis" in refused.value.mend
    assert "hunter2" not in str(refused.value)


def test_the_embedded_broker_has_one_address_for_all_processes_that_only_the_owner_can_read(tmp_path: Path) -> None:
    var = tmp_path / "var"
    first, second = addresses.broker({}, var), addresses.broker({}, var)
    assert first == second
    assert first.startswith("redis://:")
    assert stat.S_IMODE((var / "broker.url").stat().st_mode) == 0o600
    assert addresses.broker({}, tmp_path / "other") != first


def test_where_nothing_can_be_written_a_process_has_secrets_of_its_own(tmp_path: Path) -> None:
    in_the_way = tmp_path / "file"
    in_the_way.write_text("")
    assert environment.secret_key({}, in_the_way, False)
    assert addresses.broker({}, in_the_way).startswith("redis://")


def test_a_mail_server_is_read_from_a_url() -> None:
    config = addresses.email({"EMAIL_URL": "smtp+tls://user:pw@mail.example.com:587"})
    assert config["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
    assert (config["EMAIL_HOST"], config["EMAIL_PORT"], config["EMAIL_USE_TLS"]) == ("mail.example.com", 587, True)
    with pytest.raises(InvalidSetting, match="EMAIL_URL"):
        addresses.email({"EMAIL_URL": "ftp://mail.example.com"})
