"""A check of a web address as a task; runs in the worker."""

from __future__ import annotations

import http.client
import logging
from typing import Any
from urllib.parse import urljoin

from celery import shared_task

from scheduler import conf, exceptions

from .web_address import WebAddress, check_public, parse, resolve
from .web_request import Answer, Deadline, request

logger = logging.getLogger(__name__)

METHODS = ("GET", "HEAD")
REDIRECTS = (301, 302, 303, 307, 308)
MAX_REDIRECTS = 5
MAX_TIMEOUT = 300


class CheckFailed(Exception):
    """The address didn't answer, or not as expected."""


@shared_task(name="tasks.check_http")
def check_http(url: str, expected_status: int = 200, timeout: float = 10, method: str = "GET") -> dict[str, Any]:
    """Ask a web address and fail unless it answers with the expected status.

    The result holds `status`, `latency_ms` (from the start, look-up and redirects included, until the headers of the
    answer), `url` and `ip` (that answered), `body_bytes` (read; 1 MiB at most), `truncated` and `redirects`.
    Redirects are followed, and private addresses asked, only if the settings allow it (`HTTP_REDIRECTS`,
    `HTTP_PRIVATE_ADDRESSES` in `SCHEDULER`); each redirect is checked like the first address.

    :param url: http:// or https://, without user name and password
    :param expected_status: the status that counts as success
    :param timeout: seconds for everything together, 300 at most
    :param method: GET or HEAD
    :raises InvalidInput: for an address or a value that is not allowed
    :raises CheckFailed: for no answer in time or another status
    """
    _check(expected_status, timeout, method)
    deadline = Deadline(timeout)
    address, followed = parse(url), 0
    while True:
        answer = _ask(address, method, deadline)
        if answer.status == expected_status:
            break
        if answer.status not in REDIRECTS or not answer.location:
            raise CheckFailed(f"{address.url} answered {answer.status} instead of {expected_status}")
        address, followed = _next_hop(address, answer, followed), followed + 1
    latency_ms = round(answer.latency * 1_000, 1)
    logger.info("%s %s answered %d in %.1f ms", method, address.url, answer.status, latency_ms)
    return {
        "status": answer.status,
        "latency_ms": latency_ms,
        "url": address.url,
        "ip": answer.ip,
        "body_bytes": answer.body_bytes,
        "truncated": answer.truncated,
        "redirects": followed,
    }


def _check(expected_status: object, timeout: object, method: object) -> None:
    if not isinstance(expected_status, int) or not 200 <= expected_status <= 599:
        raise exceptions.InvalidInput(
            "expected_status", expected_status, "is not the status of an answer", "It takes a number from 200 to 599."
        )
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout <= MAX_TIMEOUT:
        raise exceptions.InvalidInput(
            "timeout", timeout, "is not a time limit", f"It takes seconds, more than 0 and at most {MAX_TIMEOUT}."
        )
    if method not in METHODS:
        raise exceptions.InvalidInput("method", method, "is not allowed", "It takes GET or HEAD.")


def _ask(address: WebAddress, method: str, deadline: Deadline) -> Answer:
    try:
        endpoints = resolve(address, deadline.left())
        if not conf.get("HTTP_PRIVATE_ADDRESSES"):
            check_public(address, endpoints)
        return request(address, endpoints, method, deadline)
    except (OSError, http.client.HTTPException) as error:
        raise CheckFailed(f"{address.url} gave no answer: {error or type(error).__name__}") from error


def _next_hop(address: WebAddress, answer: Answer, followed: int) -> WebAddress:
    if not conf.get("HTTP_REDIRECTS"):
        raise CheckFailed(
            f"{address.url} answered {answer.status}, a redirect to {exceptions.shorten(answer.location)}. "
            'Check that address, or allow redirects with SCHEDULER["HTTP_REDIRECTS"] = True in the settings.'
        )
    if followed >= MAX_REDIRECTS:
        raise CheckFailed(f"{address.url} answered {answer.status} after {followed} redirects, which is too many")
    return parse(urljoin(address.url, answer.location))
