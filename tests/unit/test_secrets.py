"""What looks secret, and where it is masked."""

from __future__ import annotations

import json
from typing import Any

import pytest

from scheduler import arguments, clock, jobs, publishing, runs, secrets, signatures
from scheduler.cli.job_text import job_text
from scheduler.cli.run_text import run_text
from scheduler.documents import job_document, run_document
from scheduler.exceptions import InvalidInput
from scheduler.models import TaskRun
from tests.servers import Valkey
from tests.unit.admin.pages import make_process

TASK = "tests.app.tasks.log_in"


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget what workers of earlier tests have announced."""
    monkeypatch.setattr(signatures, "_announced", signatures.Announced())


@pytest.mark.parametrize(
    "name",
    [
        "password", "PASSWORD", "db_password", "userPassword", "passwd", "client-secret", "refresh_token", "api_key",
        "X-API-Key", "apiKey", "Authorization", "aws.credentials", "private_key", "accessKey", "cookie",
    ],
)  # fmt: skip
def test_a_name_that_looks_secret_is_known_in_every_spelling(name: str) -> None:
    assert secrets.looks_secret(name)


@pytest.mark.parametrize("name", ["user", "path", "key", "author", "pass_through", "", "1", "apikay"])
def test_other_names_are_not_taken_for_secrets(name: str) -> None:
    assert not secrets.looks_secret(name)


def test_a_setting_adds_names(settings: Any) -> None:
    assert not secrets.looks_secret("patient_iban")
    settings.SCHEDULER = {"SECRET_NAMES": ["IBAN", ""]}
    assert secrets.looks_secret("patient_iban")
    assert secrets.looks_secret("password")
    assert not secrets.looks_secret("patient")


def test_secrets_are_masked_at_any_depth_and_what_is_stored_stays() -> None:
    value = {"host": "h", "login": [{"user": "u", "password": "hunter2"}], "tokens": {"a": ["x", 1]}, "n": 1}
    assert secrets.mask(value) == {
        "host": "h", "login": [{"user": "u", "password": "*****"}], "tokens": "*****", "n": 1,
    }  # fmt: skip
    assert value["login"] == [{"user": "u", "password": "hunter2"}]
    assert secrets.mask("password") == "password"


def test_what_can_hold_no_secret_is_shown() -> None:
    assert secrets.mask({"password": None, "token": "", "use_token": True, "secret": 0}) == {
        "password": None, "token": "", "use_token": True, "secret": "*****",
    }  # fmt: skip


def test_a_value_too_deep_to_look_through_is_masked_as_a_whole() -> None:
    value: Any = {"password": "hunter2"}
    for _ in range(20_000):
        value = [value]
    assert secrets.mask(value) == "*****"


def test_positional_arguments_have_the_names_of_the_signature() -> None:
    args, kwargs = secrets.mask_arguments(TASK, ["me", "hunter2", "t1", "t2"], {"options": {"secret": "s"}})
    assert args == ["me", "*****", "*****", "*****"]
    assert kwargs == {"options": {"secret": "*****"}}


def test_a_text_beyond_the_parameters_is_masked() -> None:
    assert secrets.mask_arguments("tests.app.tasks.add", [1, 2, 3, "hunter2"], {})[0] == [1, 2, 3, "*****"]


@pytest.mark.django_db
@pytest.mark.usefixtures("forgetful")
def test_texts_among_arguments_that_nobody_knows_the_names_of_are_masked() -> None:
    args = ["hunter2", 7, None, "", True, ["deep", 1], {"token": "t", "user": "me"}]
    assert secrets.mask_arguments("no.such.task", args, {"token": "t", "user": "me"}) == (
        ["*****", 7, None, "", True, ["*****", 1], {"token": "*****", "user": "me"}], {"token": "*****", "user": "me"},
    )  # fmt: skip


@pytest.mark.django_db
@pytest.mark.usefixtures("forgetful")
def test_names_that_a_worker_announced_tell_which_arguments_are_secret() -> None:
    make_process("w", tasks={"far.log_in": ["user", "password", "*tokens"]}, stopped=True)
    make_process("of-an-older-version", tasks=["far.log_in"])
    shown, _ = secrets.mask_arguments("far.log_in", ["me", "hunter2", "t1", "t2"], {})
    assert shown == ["me", "*****", "*****", "*****"]


def test_arguments_that_somebody_stored_as_nonsense_can_be_masked() -> None:
    assert secrets.mask_arguments(TASK, {"password": "x"}, None) == ({"password": "*****"}, None)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('logs in with it\'s "so"+secret', "logs in with *****"),
        (repr({"password": 'it\'s "so"+secret'}), "{'password': '*****'}"),
        ('{"password": "it\'s \\"so\\"+secret"}', '{"password": "*****"}'),
        ("https://h/?p=it%27s%20%22so%22%2Bsecret", "https://h/?p=*****"),
        ("token first-token, second-token", "token *****, *****"),
        ("deep-secret", "*****"),
        ("me and abc stay", "me and abc stay"),
    ],
)
def test_the_values_of_secret_arguments_are_masked_in_texts(text: str, shown: str) -> None:
    args = ["me", 'it\'s "so"+secret', "first-token", "second-token", "abc"]
    assert secrets.concealer(TASK, args, {"options": {"tokens": [{"a": "deep-secret"}]}})(text) == shown


def test_each_line_of_a_long_secret_is_masked() -> None:
    conceal = secrets.concealer(TASK, [], {"options": {"private_key": "MIIEvQIBADAN\nBgkqhkiG9w0B\nend\n"}})
    assert conceal("MIIEvQIBADAN, BgkqhkiG9w0B, end") == "*****, *****, end"


def test_a_secret_that_holds_another_is_masked_whole() -> None:
    conceal = secrets.concealer(TASK, ["me", "abcd"], {"options": {"token": "abcdefgh"}})
    assert conceal("abcdefgh abcd") == "***** *****"


@pytest.mark.django_db
def test_documents_and_texts_of_jobs_and_runs_mask_secrets() -> None:
    job = jobs.add_job(
        TASK, "interval", hours=1, id="login", args=["me", "hunter2"], kwargs={"options": {"token": "t0"}}
    )
    run = runs.new_run(job, clock.now(), now=clock.now())
    run.result = {"session_token": "s3ss", "user": "me"}
    for document in (job_document(job), run_document(run)):
        assert (document["args"], document["kwargs"]) == (["me", "*****"], {"options": {"token": "*****"}})
    assert run_document(run)["result"] == {"session_token": "*****", "user": "me"}
    for text in (job_text(job), run_text(run)):
        assert '["me", "*****"]' in text
        assert '{"options": {"token": "*****"}}' in text
        assert not any(secret in text for secret in ("hunter2", "t0", "s3ss"))


@pytest.mark.django_db
def test_run_again_uses_the_true_values() -> None:
    jobs.add_job(TASK, "interval", hours=1, id="login", args=["me", "hunter2"])
    ended = jobs.run_job("login")
    runs.cancel(ended.id, by="the test")
    again = runs.retry(ended.id, by="the test")
    assert TaskRun.objects.get(id=again.id).args == ["me", "hunter2"]


@pytest.mark.django_db
def test_the_refusal_of_arguments_masks_secrets() -> None:
    with pytest.raises(InvalidInput) as caught:
        arguments.check_arguments(TASK, [], {"password": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert "'password': '*****'" in str(caught.value)


@pytest.mark.django_db
@pytest.mark.parametrize(("args", "shown"), [(["me", "hunter2"], "['me', '*****']"), (["me"], "['me']")])
def test_monitors_and_worker_logs_are_shown_no_secrets(valkey: Valkey, args: list[str], shown: str) -> None:
    job = jobs.add_job(TASK, "interval", hours=1, id="login", args=args, queue="secrets-test")
    publisher = publishing.Publisher(5)
    with publishing.broker_connection(5) as connection:
        connection.default_channel.client.delete("secrets-test")
        publisher.send([runs.new_run(job, clock.now(), now=clock.now())])
        publisher.close()
        [message] = connection.default_channel.client.lrange("secrets-test", 0, -1)
    headers = json.loads(message)["headers"]
    assert (headers["argsrepr"], headers["kwargsrepr"]) == (shown, "{}")
