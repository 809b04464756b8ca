"""One HTTP request to addresses that were checked before, within one time limit; runs in the worker.

The connection goes to the very addresses that were checked, never to the name again: a name that resolves to something
else a moment later (DNS rebinding) changes nothing. Proxies from the environment are not used, for they would resolve
the name themselves.
"""

from __future__ import annotations

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from .web_address import Endpoint, WebAddress

MAX_BODY_BYTES = 1_048_576
HEADERS = {"User-Agent": "Tickwork", "Accept": "*/*", "Accept-Encoding": "identity", "Connection": "close"}


class Deadline:
    """One time limit over everything that a check does; a server that sends a byte now and then can't stretch it."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self._start = seconds, time.monotonic()

    def elapsed(self) -> float:
        """Return the seconds that have passed."""
        return time.monotonic() - self._start

    def left(self) -> float:
        """Return the seconds that are left.

        :raises TimeoutError: if there are none
        """
        left = self.seconds - self.elapsed()
        if left <= 0:
            raise TimeoutError(f"no complete answer within {self.seconds:g} s")
        return left

    @contextmanager
    def over(self, connected: socket.socket) -> Iterator[None]:
        """Cut the connection when the time is up, and say so."""

        def cut() -> None:
            with suppress(OSError):
                # the plain socket's method: that of a TLS socket would change its state under the reading thread
                socket.socket.shutdown(connected, socket.SHUT_RDWR)

        timer = threading.Timer(self.left(), cut)
        timer.daemon = True
        timer.start()
        try:
            yield
        except (OSError, http.client.HTTPException):
            self.left()
            raise
        finally:
            timer.cancel()
        self.left()


@dataclass(frozen=True)
class Answer:
    """What a server said."""

    status: int
    location: str
    ip: str
    body_bytes: int
    truncated: bool
    latency: float
    """Seconds from the start of the check to the end of the answer's headers."""


def request(address: WebAddress, endpoints: list[Endpoint], method: str, deadline: Deadline) -> Answer:
    """Send one request and read at most 1 MiB of the answer's body.

    :param endpoints: where to connect: the first that accepts is used
    :raises OSError: if no connection comes about (also `ssl.SSLError`), or the time is up (`TimeoutError`)
    :raises http.client.HTTPException: if the answer is not HTTP
    """
    plain, endpoint = connect(endpoints, deadline)
    with plain, secure(plain, address, deadline) as connected, deadline.over(connected):
        kind = http.client.HTTPSConnection if address.scheme == "https" else http.client.HTTPConnection
        connection = kind(address.host, address.port)
        connection.auto_open = 0  # it is to use our socket, never to look up the name for one of its own
        connection.sock = connected
        connection.request(method, address.path, headers=HEADERS)
        response = connection.getresponse()
        latency = deadline.elapsed()
        size = len(response.read(MAX_BODY_BYTES + 1))
    return Answer(
        status=response.status,
        location=response.getheader("Location", ""),
        ip=str(endpoint.ip),
        body_bytes=min(size, MAX_BODY_BYTES),
        truncated=size > MAX_BODY_BYTES,
        latency=latency,
    )


def connect(endpoints: list[Endpoint], deadline: Deadline) -> tuple[socket.socket, Endpoint]:
    """Return a connection to the first endpoint that accepts one, and which that is."""
    problem: OSError = OSError("the host has no address")
    for endpoint in endpoints:
        connected = socket.socket(endpoint.family, socket.SOCK_STREAM)
        try:
            connected.settimeout(deadline.left())
            connected.connect(endpoint.sockaddr)
        except OSError as error:
            connected.close()
            deadline.left()
            problem = error
        else:
            return connected, endpoint
    raise problem


def secure(plain: socket.socket, address: WebAddress, deadline: Deadline) -> socket.socket:
    """Return the connection as it is for http, and inside TLS for https: certificate and host name are verified."""
    plain.settimeout(deadline.left())
    if address.scheme == "http":
        return plain
    try:
        secured = ssl.create_default_context().wrap_socket(plain, server_hostname=address.host)
    except OSError:
        deadline.left()
        raise
    secured.settimeout(deadline.left())
    return secured
