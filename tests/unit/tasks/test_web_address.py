from __future__ import annotations

import ipaddress
import socket
import threading

import pytest

from scheduler.exceptions import InvalidInput
from tasks.web_address import is_public, parse, resolve


@pytest.mark.parametrize(
    "ip",
    [
        "1.1.1.1",
        "8.8.8.8",
        "172.15.255.255",
        "172.32.0.1",
        "2606:4700:4700::1111",
        "::ffff:8.8.8.8",
        "2002:808:808::1",
        "64:ff9b::808:808",
    ],
)
def test_an_address_of_the_internet_is_public(ip: str) -> None:
    assert is_public(ipaddress.ip_address(ip))


@pytest.mark.parametrize(
    "ip",
    [
        "0.0.0.0",
        "10.0.0.1",
        "100.64.0.1",
        "100.100.100.200",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.192",
        "192.0.2.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.9",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "2001:db8::1",
        "2001:0:7f00:1::",
        "2002:7f00:1::",
        "2002:a00:1::",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "fc00::1",
        "fd12:3456::1",
        "fe80::1",
        "fe80::1%eth0",
        "fec0::1",
        "ff02::1",
    ],
)
def test_any_other_address_is_not(ip: str) -> None:
    assert not is_public(ipaddress.ip_address(ip))


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("http://example.org", "example.org", 80, "/"),
        ("HTTPS://Example.ORG.:8443/a?b=c#d", "example.org", 8443, "/a?b=c"),
        ("https://[2606:4700::1]/x", "2606:4700::1", 443, "/x"),
        ("http://bücher.example/straße?q=ä", "xn--bcher-kva.example", 80, "/stra%C3%9Fe?q=%C3%A4"),
        ("http://example.org/a%20b", "example.org", 80, "/a%20b"),
    ],
)
def test_a_web_address_is_taken_apart(url: str, host: str, port: int, path: str) -> None:
    address = parse(url)
    assert (address.host, address.port, address.path) == (host, port, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        None,
        "example.org",
        "//example.org/",
        "ftp://example.org/",
        "file:///etc/passwd",
        "gopher://example.org/",
        "javascript:alert(1)",
        "http://",
        "http:///path",
        "http://example.org:0/",
        "http://example.org:65536/",
        "http://example.org:http/",
        "http://[::1/",
        "http://exa mple.org/",
        "http://example.org/\r\nX-Header: 1",
        "\thttp://example.org/",
        "http://a..b/",
        "http://" + "a" * 64 + ".org/",
    ],
)
def test_anything_else_is_refused(url: object) -> None:
    with pytest.raises(InvalidInput, match=r"^url: .* Write it like https://example.org/health"):
        parse(url)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("https://root:hunter2@example.org/")
    assert "hunter2" not in str(caught.value)


def test_a_name_server_that_does_not_answer_costs_no_more_than_the_time_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    answered = threading.Event()

    def never(*_arguments: object, **_options: object) -> list:
        answered.wait(30)
        return []

    monkeypatch.setattr(socket, "getaddrinfo", never)
    with pytest.raises(TimeoutError, match="name server"):
        resolve(parse("http://example.org/"), seconds=0.1)
    answered.set()
