"""The environment variables of the project: what they accept, and one line for what they refuse."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from project import environment
from scheduler.exceptions import InvalidSetting


def test_a_trial_keeps_a_random_secret_key(tmp_path: Path) -> None:
    first = environment.secret_key({}, tmp_path, False)
    assert len(first) >= 50
    assert environment.secret_key({}, tmp_path, False) == first
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_secret_key_is_required_as_soon_as_other_hosts_are_served(tmp_path: Path) -> None:
    served = {"ALLOWED_HOSTS": "localhost,tickwork.example.com"}
    with pytest.raises(InvalidSetting, match=r"SECRET_KEY.*tickwork\.example\.com"):
        environment.secret_key(served, tmp_path, False)
    assert not list(tmp_path.iterdir())
    assert environment.secret_key({**served, "SECRET_KEY": "given"}, tmp_path, False) == "given"
    assert environment.secret_key(served, tmp_path, True)


@pytest.mark.parametrize(
    ("word", "meaning"), [("1", True), ("YES", True), ("on", True), ("0", False), ("False", False)]
)
def test_a_boolean_is_read_in_any_case(word: str, meaning: bool) -> None:
    assert environment.boolean({"DEBUG": word}, "DEBUG", not meaning) is meaning


def test_any_other_word_is_no_boolean() -> None:
    with pytest.raises(InvalidSetting, match=r"DEBUG: 'maybe' is neither yes nor no\. Write 1 or 0\."):
        environment.boolean({"DEBUG": "maybe"}, "DEBUG", False)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "80a", "8000.0", "٨٠٠٠", "1" * 5000])
def test_a_bad_port_is_refused(port: str) -> None:
    with pytest.raises(InvalidSetting, match=r"PORT: .* is not a whole number from 1 to 65535"):
        environment.whole({"PORT": port}, "PORT", 8000, 1, 65535)


@pytest.mark.parametrize(
    ("zone", "mend"),
    [("Europe/Berln", "Europe/Berlin"), ("utc+2", "Write a name|Did you mean"), ("../../etc/passwd", "Write a name")],
)
def test_an_unknown_time_zone_is_refused_with_the_nearest_one(zone: str, mend: str) -> None:
    with pytest.raises(InvalidSetting, match=mend) as refused:
        environment.time_zone({"TIME_ZONE": zone})
    assert refused.value.field == "TIME_ZONE"


@pytest.mark.parametrize("host", ["https://tickwork.example.com", "tickwork.example.com:8000", "a b"])
def test_an_allowed_host_is_a_name(host: str) -> None:
    with pytest.raises(InvalidSetting, match="ALLOWED_HOSTS"):
        environment.allowed_hosts({"ALLOWED_HOSTS": host})
