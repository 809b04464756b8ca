from __future__ import annotations

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

from scheduler.exceptions import InvalidInput
from tasks import web_request
from tasks.web import CheckFailed, check_http


class Site(BaseHTTPRequestHandler):
    """What the server under check answers, by path."""

    stop: threading.Event
    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Host"]))
        path = unquote(self.path.split("?")[0]).strip("/")
        if path.startswith("to/"):
            self.answer(302, Location=path.removeprefix("to/"))
        elif path == "hops":
            self.answer(307, Location="/hops")
        elif path == "slow":
            self.stop.wait(30)
        elif path == "drip":
            self.drip()
        elif path == "endless":
            self.endless()
        elif path == "nonsense":
            self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")
        else:
            self.answer(int(path or 200), b"hello")

    do_HEAD = do_GET

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def drip(self) -> None:
        """A header that never ends, one byte at a time."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        while not self.stop.wait(0.05):
            self.wfile.write(b"x")

    def endless(self) -> None:
        self.send_response(200)
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.stop.is_set():
                self.wfile.write(b"x" * 65_536)

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        pass  # clients of these tests hang up early on purpose


@contextlib.contextmanager
def serving(ip: str = "127.0.0.1", port: int = 0, tls: ssl.SSLContext | None = None) -> Iterator[Server]:
    handler = type("Handler", (Site,), {"stop": threading.Event(), "asked": []})
    server_class = type("V6", (Server,), {"address_family": socket.AF_INET6}) if ":" in ip else Server
    server = server_class((ip, port), handler)
    if tls:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        handler.stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def site() -> Iterator[Server]:
    with serving() as server:
        yield server


@pytest.fixture
def allow(settings: Any) -> Callable[..., None]:
    """Allow what a project may allow; without it, the strict defaults are in force."""

    def change(*, private: bool = True, redirects: bool = False) -> None:
        settings.SCHEDULER = {"HTTP_PRIVATE_ADDRESSES": private, "HTTP_REDIRECTS": redirects}

    return change


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[list[str]]]:
    """Names to resolve: each look-up of a name takes its next list of addresses; the last one stays."""
    known: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *arguments: object, **options: object) -> list:
        if host not in known:
            return real(host, port, *arguments, **options)
        ips = known[host].pop(0) if len(known[host]) > 1 else known[host][0]
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (ip, port, 0, 0))
            if ":" in ip
            else (socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port))
            for ip in ips
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    return known


def url_of(server: Server, path: str = "/", host: str = "127.0.0.1") -> str:
    return f"http://{host}:{server.server_port}{path}"


def test_an_expected_status_is_a_success(site: Server, allow: Any) -> None:
    allow()
    told = check_http.run(url_of(site, "/200?a=b"))
    assert 0 < told.pop("latency_ms") < 5_000
    assert told == {
        "status": 200,
        "url": url_of(site, "/200?a=b"),
        "ip": "127.0.0.1",
        "body_bytes": 5,
        "truncated": False,
        "redirects": 0,
    }
    assert site.RequestHandlerClass.asked == [("GET", "/200?a=b", f"127.0.0.1:{site.server_port}")]


def test_another_status_can_be_expected_and_head_reads_no_body(site: Server, allow: Any) -> None:
    allow()
    told = check_http.run(url_of(site, "/404"), expected_status=404, method="HEAD")
    assert (told["status"], told["body_bytes"]) == (404, 0)
    assert site.RequestHandlerClass.asked[0][0] == "HEAD"


@pytest.mark.parametrize("status", [204, 404, 500, 503])
def test_any_other_status_fails_and_is_named(site: Server, allow: Any, status: int) -> None:
    allow()
    with pytest.raises(CheckFailed, match=f"answered {status} instead of 200"):
        check_http.run(url_of(site, f"/{status}"))


def test_private_addresses_are_refused_unless_the_settings_allow_them(site: Server) -> None:
    for host in ("127.0.0.1", "localhost", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"):
        with pytest.raises(InvalidInput, match=r"no public address.*HTTP_PRIVATE_ADDRESSES"):
            check_http.run(url_of(site, host=host))
    assert site.RequestHandlerClass.asked == []


def test_one_private_address_among_public_ones_is_enough_to_refuse(site: Server, names: Any) -> None:
    names["mixed.example"] = [["8.8.8.8", "127.0.0.1"]]
    with pytest.raises(InvalidInput, match=r"leads to 127\.0\.0\.1"):
        check_http.run(url_of(site, host="mixed.example"))


def test_a_name_that_changes_its_address_after_the_check_gets_nowhere(
    site: Server, names: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    names["rebind.example"] = [["8.8.8.8"], ["127.0.0.1"]]
    connected_to: list[str] = []

    class Recorded(socket.socket):
        def connect(self, sockaddr: tuple) -> None:
            connected_to.append(sockaddr[0])
            raise ConnectionRefusedError("no test goes out to the internet")

    monkeypatch.setattr(web_request.socket, "socket", Recorded)
    with pytest.raises(CheckFailed, match="no test goes out"):
        check_http.run(url_of(site, host="rebind.example"))
    assert connected_to == ["8.8.8.8"]
    assert names["rebind.example"] == [["127.0.0.1"]], "the name was looked up once"
    assert site.RequestHandlerClass.asked == []


def test_the_connection_goes_to_the_address_that_was_checked(site: Server, names: Any, allow: Any) -> None:
    allow()
    names["pinned.example"] = [["127.0.0.1"], ["127.0.0.2"]]
    with serving("127.0.0.2", site.server_port) as other:
        told = check_http.run(url_of(site, host="pinned.example"))
        assert other.RequestHandlerClass.asked == []
    assert told["ip"] == "127.0.0.1"
    assert site.RequestHandlerClass.asked == [("GET", "/", f"pinned.example:{site.server_port}")]


def test_the_next_address_is_tried_when_one_refuses(site: Server, names: Any, allow: Any) -> None:
    allow()
    names["two.example"] = [["127.0.0.9", "127.0.0.1"]]
    assert check_http.run(url_of(site, host="two.example"))["ip"] == "127.0.0.1"


def test_ipv6_is_asked_and_refused_alike(allow: Any) -> None:
    try:
        context = serving("::1")
        server = context.__enter__()
    except OSError:
        pytest.skip("this machine has no IPv6 loopback")
    try:
        url = url_of(server, host="[::1]")
        with pytest.raises(InvalidInput, match="leads to ::1"):
            check_http.run(url)
        allow()
        assert check_http.run(url)["ip"] == "::1"
        assert server.RequestHandlerClass.asked[0][2] == f"[::1]:{server.server_port}"
    finally:
        context.__exit__(None, None, None)


def test_a_redirect_is_not_followed_unless_the_settings_allow_it(site: Server, allow: Any) -> None:
    allow()
    with pytest.raises(CheckFailed, match=r"answered 302, a redirect to '/?200'.*HTTP_REDIRECTS"):
        check_http.run(url_of(site, "/to/200"))
    assert check_http.run(url_of(site, "/to/200"), expected_status=302)["status"] == 302
    assert [path for _, path, _ in site.RequestHandlerClass.asked] == ["/to/200", "/to/200"]


def test_a_redirect_is_followed_when_they_do(site: Server, allow: Any) -> None:
    allow(redirects=True)
    told = check_http.run(url_of(site, "/to//503"), expected_status=503)
    assert (told["url"], told["redirects"]) == (url_of(site, "/503"), 1)


def test_redirects_end(site: Server, allow: Any) -> None:
    allow(redirects=True)
    with pytest.raises(CheckFailed, match="after 5 redirects"):
        check_http.run(url_of(site, "/hops"))
    assert len(site.RequestHandlerClass.asked) == 6


def test_each_hop_is_checked_again(site: Server, names: Any, allow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    allow(private=False, redirects=True)
    names["public.example"] = [["8.8.8.8"]]
    site_address = site.server_address

    class Detour(socket.socket):
        """Brings what is meant for a public address to the local server."""

        def connect(self, sockaddr: tuple) -> None:
            assert sockaddr[0] == "8.8.8.8"
            super().connect(site_address)

    monkeypatch.setattr(web_request.socket, "socket", Detour)
    assert check_http.run(url_of(site, host="public.example"))["ip"] == "8.8.8.8"
    for target in ("http://169.254.169.254/latest/", "http://[::1]/", url_of(site)):
        with pytest.raises(InvalidInput, match="no public address"):
            check_http.run(url_of(site, f"/to/{target}", host="public.example"))
    with pytest.raises(InvalidInput, match="neither http nor https"):
        check_http.run(url_of(site, "/to/file:///etc/passwd", host="public.example"))


@pytest.mark.parametrize("path", ["/slow", "/drip"])
def test_a_slow_server_costs_no_more_than_the_time_limit(site: Server, allow: Any, path: str) -> None:
    allow()
    started = time.monotonic()
    with pytest.raises(CheckFailed, match=r"no complete answer within 0\.4 s"):
        check_http.run(url_of(site, path), timeout=0.4)
    assert time.monotonic() - started < 3


def test_a_body_without_end_is_read_to_the_limit_only(site: Server, allow: Any) -> None:
    allow()
    told = check_http.run(url_of(site, "/endless"))
    assert (told["body_bytes"], told["truncated"]) == (1_048_576, True)


def test_an_answer_that_is_not_http_fails(site: Server, allow: Any) -> None:
    allow()
    with pytest.raises(CheckFailed, match=r"gave no answer.*SSH-2"):
        check_http.run(url_of(site, "/nonsense"))


def test_a_closed_port_and_an_unknown_name_fail_with_words(allow: Any, names: Any) -> None:
    allow()
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with pytest.raises(CheckFailed, match="Connection refused"):
            check_http.run(f"http://127.0.0.1:{unused.getsockname()[1]}/")
    with pytest.raises(CheckFailed, match=r"nowhere\.invalid has no address"):
        check_http.run("http://nowhere.invalid/")


def test_proxies_of_the_environment_are_not_used(site: Server, allow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    allow()
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1/")
    assert check_http.run(url_of(site))["status"] == 200


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificate with openssl")
def test_https_verifies_the_certificate_of_the_name_not_of_the_address(
    tmp_path: Path, names: Any, allow: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow()
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"),
            *("-days", "2", "-subj", "/CN=shop.example", "-addext", "subjectAltName=DNS:shop.example"),
            *("-keyout", key, "-out", certificate),
        ],
        check=True,
        capture_output=True,
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    names["shop.example"] = names["other.example"] = [["127.0.0.1"]]
    with serving(tls=context) as server:
        address = f"https://shop.example:{server.server_port}/"
        with pytest.raises(CheckFailed, match="CERTIFICATE_VERIFY_FAILED"):
            check_http.run(address)
        monkeypatch.setenv("SSL_CERT_FILE", os.fspath(certificate))
        assert check_http.run(address)["status"] == 200
        with pytest.raises(CheckFailed, match="Hostname mismatch"):
            check_http.run(f"https://other.example:{server.server_port}/")
        with pytest.raises(CheckFailed, match=r"no complete answer within 0\.4 s"):
            check_http.run(f"{address}drip", timeout=0.4)


@pytest.mark.parametrize(
    ("arguments", "field"),
    [
        ({"expected_status": 99}, "expected_status"),
        ({"expected_status": 600}, "expected_status"),
        ({"expected_status": "200"}, "expected_status"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": 301}, "timeout"),
        ({"timeout": float("nan")}, "timeout"),
        ({"timeout": True}, "timeout"),
        ({"method": "POST"}, "method"),
        ({"method": "get"}, "method"),
        ({"url": "file:///etc/passwd"}, "url"),
    ],
)
def test_values_that_are_not_allowed_are_refused(arguments: dict, field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_http.run(**{"url": "http://example.org/", **arguments})
    assert caught.value.field == field
