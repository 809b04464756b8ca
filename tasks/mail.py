"""A mail as a task; runs in the worker."""

from __future__ import annotations

import unicodedata
from typing import Any

from celery import shared_task
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email

from scheduler import exceptions

MAX_RECIPIENTS = 100


@shared_task(name="tasks.send_mail")
def send_mail(to: list[str], subject: str, body: str) -> dict[str, Any]:
    """Send one plain text mail from `DEFAULT_FROM_EMAIL`, through the mail server of Django's settings.

    :param to: addresses, 100 at most; all of them see each other
    :param subject: one line
    :param body: the text
    :raises InvalidInput: for an address that isn't one, or a line break in an address or the subject, which would
        let a caller write headers of its own
    """
    if not isinstance(to, list | tuple) or not 1 <= len(to) <= MAX_RECIPIENTS:
        raise exceptions.InvalidInput(
            "to", to, f"is not a list of 1 to {MAX_RECIPIENTS} addresses", 'Write ["ops@example.org"].'
        )
    for address in to:
        _check_one_line("to", address)
        try:
            validate_email(address)
        except ValidationError as error:
            raise exceptions.InvalidInput(
                "to", address, "is not a mail address", "Write it like ops@example.org."
            ) from error
    _check_one_line("subject", subject)
    if not isinstance(body, str):
        raise exceptions.InvalidInput("body", body, "is not a text", "It takes text.")
    sent = EmailMessage(subject=subject, body=body, to=list(to)).send()
    return {"messages": sent, "recipients": len(to)}


def _check_one_line(field: str, value: object) -> None:
    if not isinstance(value, str):
        raise exceptions.InvalidInput(field, value, "is not a text", "It takes one line of text.")
    if any(unicodedata.category(character) in ("Cc", "Zl", "Zp") for character in value):
        raise exceptions.InvalidInput(
            field,
            value,
            "holds a line break or another control character",
            "Write it on one line: it goes in a header.",
        )
