from __future__ import annotations

from typing import Any

import pytest

from scheduler.exceptions import InvalidInput
from tasks.mail import send_mail


def test_a_mail_is_sent(mailoutbox: Any, settings: Any) -> None:
    settings.DEFAULT_FROM_EMAIL = "tickwork@example.org"
    sent = send_mail.run(["a@example.org", "b@example.org"], "Backup 完成", "All is well.\nReally.")
    assert sent == {"messages": 1, "recipients": 2}
    (mail,) = mailoutbox
    assert mail.to == ["a@example.org", "b@example.org"]
    assert mail.from_email == "tickwork@example.org"
    assert (mail.subject, mail.body) == ("Backup 完成", "All is well.\nReally.")


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\x0b", "\x85", "\u2028", "\0"])
def test_a_header_can_not_be_smuggled_in(mailoutbox: Any, line_break: str) -> None:
    with pytest.raises(InvalidInput, match=r"subject: .* holds a line break"):
        send_mail.run(["a@example.org"], f"Hello{line_break}Bcc: everybody@example.org", "")
    with pytest.raises(InvalidInput, match=r"to: .* holds a line break"):
        send_mail.run([f"a@example.org{line_break}Bcc: everybody@example.org"], "Hello", "")
    assert mailoutbox == []


@pytest.mark.parametrize(
    "to",
    [[], "a@example.org", None, ["nobody"], ["a@example.org, b@example.org"], [7], ["a@example.org"] * 101],
)
def test_recipients_that_are_none_are_refused(mailoutbox: Any, to: object) -> None:
    with pytest.raises(InvalidInput, match=r"^to: "):
        send_mail.run(to, "Hello", "")
    assert mailoutbox == []


def test_a_body_that_is_no_text_is_refused(mailoutbox: Any) -> None:
    with pytest.raises(InvalidInput, match=r"^body: "):
        send_mail.run(["a@example.org"], "Hello", {"a": 1})
