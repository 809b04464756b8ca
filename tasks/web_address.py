"""Where an HTTP check may go: the address in its parts, and which IP addresses are public; runs in the worker."""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from scheduler import exceptions

PORTS = {"http": 80, "https": 443}
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
NAT64 = ipaddress.ip_network("64:ff9b::/96")
PROTOCOL_ASSIGNMENTS = ipaddress.ip_network("192.0.0.0/24")

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class WebAddress:
    """An http or https address, taken apart once, so that what is checked is what is asked."""

    url: str
    scheme: str
    host: str
    port: int
    path: str
    """Path and query, as they go into the request line."""


@dataclass(frozen=True)
class Endpoint:
    """One of the socket addresses that a host has."""

    family: int
    sockaddr: tuple[Any, ...]

    @property
    def ip(self) -> IPAddress:
        """The IP address without its port."""
        return ipaddress.ip_address(self.sockaddr[0])


def parse(url: object) -> WebAddress:
    """Take an address apart.

    :raises InvalidInput: unless it is http or https with a host, and without a user name, password or blanks
    """
    mend = "Write it like https://example.org/health."
    if not isinstance(url, str) or any(character <= " " or character == "\x7f" for character in url):
        raise exceptions.InvalidInput("url", url, "is not a web address without blanks", mend)
    try:
        parts = urlsplit(url)
        port = parts.port
        host = (parts.hostname or "").rstrip(".")
        if ":" not in host:
            host = host.encode("idna").decode("ascii")
    except ValueError as error:  # UnicodeError is one, too
        raise exceptions.InvalidInput("url", url, f"is not a web address ({error})", mend) from error
    if parts.scheme not in PORTS:
        raise exceptions.InvalidInput("url", url, "is neither http nor https", mend)
    if not host or port == 0:
        raise exceptions.InvalidInput("url", url, "has no host or an impossible port", mend)
    if "@" in parts.netloc:
        raise exceptions.InvalidInput(
            "url", "(not shown)", "holds a user name or password", "It would be stored with every run; leave it out."
        )
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._")
    query = "?" + quote(parts.query, safe="/%:@!$&'()*+,;=~-._?") if parts.query else ""
    return WebAddress(url, parts.scheme, host, port or PORTS[parts.scheme], path + query)


def is_public(ip: IPAddress) -> bool:
    """Whether an address is one of the open internet.

    Everything else is refused: private, loopback, link-local, shared, reserved, multicast and documentation addresses
    (IANA's special-purpose registries), and IPv6 addresses that carry such an IPv4 address inside: mapped (RFC 4291),
    6to4 (RFC 3056) and NAT64 (RFC 6052).
    """
    if isinstance(ip, ipaddress.IPv4Address):
        return ip.is_global and not ip.is_multicast and not ip.is_reserved and ip not in PROTOCOL_ASSIGNMENTS
    inner = ip.ipv4_mapped or ip.sixtofour
    if inner is None and ip in NAT64:
        inner = ipaddress.IPv4Address(ip.packed[-4:])
    if inner is not None:
        return is_public(inner)
    return ip in GLOBAL_UNICAST and ip.is_global


def resolve(address: WebAddress, seconds: float) -> list[Endpoint]:
    """Look up the host, once.

    :param seconds: how long to wait; the system's resolver has no time limit that one could set
    :raises OSError: if there is no such host
    :raises TimeoutError: if the answer takes longer
    """
    answers: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True, name=f"resolve {address.host}").start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer about {address.host} from the name server") from None
    if isinstance(answer, UnicodeError):
        raise OSError(f"{address.host} is not a host name") from answer
    if isinstance(answer, OSError):
        raise OSError(f"{address.host} has no address ({answer.strerror or answer})") from answer
    return [Endpoint(family, sockaddr) for family, _kind, _protocol, _name, sockaddr in answer]


def check_public(address: WebAddress, endpoints: list[Endpoint]) -> None:
    """Let a host pass only if each of its addresses is public.

    :raises InvalidInput: naming the first address that is not
    """
    for endpoint in endpoints:
        if not is_public(endpoint.ip):
            raise exceptions.InvalidInput(
                "url",
                address.url,
                f"leads to {endpoint.ip}, which is no public address",
                'SCHEDULER["HTTP_PRIVATE_ADDRESSES"] = True in the settings allows it.',
            )
