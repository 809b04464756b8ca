"""A task's arguments as fields and as JSON: what each input takes, and that nothing is lost on the way."""

from __future__ import annotations

import inspect
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler.admin.argument_fields import ArgumentForm
from scheduler.admin.task_signature import signature_of
from tests.app import typed_tasks

from .forms import sent

TASKS = "tests.app.typed_tasks."
GREET, LOG_IN = TASKS + "greet", TASKS + "log_in"
ALL, BY_PLACE, UNTYPED = TASKS + "take_all_types", TASKS + "take_some_by_place", TASKS + "untyped"
pytestmark = pytest.mark.django_db


def fill(task: str, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None, **typed: Any) -> ArgumentForm:
    """Open the form, type into some fields (`name=…`; `args_json`, `kwargs_json`, `as_json` as they are), send it."""
    data = sent(ArgumentForm(task, args, kwargs))
    for name, value in typed.items():
        name = name if name.endswith("_json") else f"value_{name}"
        if value is False:
            data.pop(f"arguments-{name}", None)
        else:
            data[f"arguments-{name}"] = "on" if value is True else value
    form = ArgumentForm(task, args, kwargs, data=data)
    form.is_valid()
    return form


def errors(form: ArgumentForm) -> dict[str, list[str]]:
    return {name: [str(each) for each in found] for name, found in form.errors.items()}


def given_by(form: ArgumentForm) -> tuple[list[Any], dict[str, Any]]:
    assert errors(form) == {}
    return form.args, form.kwargs


def input_of(task: str, name: str, args: list[Any] | None = None, kwargs: dict[str, Any] | None = None) -> str:
    return str(ArgumentForm(task, args, kwargs)[f"value_{name}"])


def test_the_type_hint_gives_the_input() -> None:
    looks = {
        "number": 'type="number"', "share": 'step="any"', "text": "<textarea", "flag": 'type="checkbox"',
        "maybe": "<select", "day": 'type="date"', "at": 'type="datetime-local"', "time": 'type="time"',
        "region": "NORTH", "level": ">2</option>", "numbers": "sched-code", "table": "sched-code",
        "either": "<textarea", "anything": "<textarea", "key": 'type="text"', "noted": 'type="number"',
        "cost": "<textarea",
    }  # fmt: skip
    assert {name: look for name, look in looks.items() if look not in input_of(ALL, name)} == {}
    assert set(looks) == {each.name for each in signature_of(ALL).parameters or []}


def test_defaults_are_shown_and_not_stored() -> None:
    assert 'placeholder="plain"' in input_of(ALL, "text")
    assert 'placeholder="0.5"' in input_of(ALL, "share")
    assert "checked" in input_of(ALL, "flag")
    assert "default: NORTH" in input_of(ALL, "region")
    assert given_by(fill(ALL, number="3")) == ([], {"number": 3})


def test_each_input_gives_the_value_that_json_stores() -> None:
    typed = {
        "number": "42", "share": "2.5", "text": "<b>ü</b>\r\nline", "flag": False, "maybe": "true",
        "day": "2026-12-01", "at": "2026-12-01T09:00", "time": "09:30", "region": '"s"', "level": "3",
        "numbers": "[1, 2]", "table": '{"a": 1.5}', "either": "twelve", "anything": '{"x": null}',
        "key": "12345678-1234-5678-1234-567812345678", "noted": "9", "cost": "1.10",
    }  # fmt: skip
    assert given_by(fill(ALL, **typed))[1] == {
        "number": 42, "share": 2.5, "text": "<b>ü</b>\nline", "flag": False, "maybe": True,
        "day": "2026-12-01", "at": "2026-12-01T09:00:00", "time": "09:30:00", "region": "s", "level": 3,
        "numbers": [1, 2], "table": {"a": 1.5}, "either": "twelve", "anything": {"x": None},
        "key": "12345678-1234-5678-1234-567812345678", "noted": 9, "cost": 1.10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("number", "many", "“many” is not a whole number."),
        ("number", "1.5", "is not a whole number."),
        ("number", "", "The task needs it."),
        ("share", "inf", "is not a number."),
        ("day", "tomorrow", "is not a date such as 2026-12-01."),
        ("at", "2026-13-01T09:00", "is not a date and time"),
        ("region", "east", "is not one of the choices."),
        ("numbers", "[1, true]", "has an item, 2, that is not a whole number."),
        ("numbers", "7", "is not a list"),
        ("table", '{"a": "b"}', "has an item, a, that is not a number."),
        ("table", "[", "is not JSON: line 1, column 2"),
        ("anything", '{"a": NaN}', "holds NaN, which JSON does not know."),
        ("numbers", "[" * 100_000, "is nested too deeply."),
        ("key", "abc", "is not a UUID."),
        ("text", "a\x00b", "It holds a NUL character"),
    ],
)
def test_what_is_wrong_is_said_at_the_field(name: str, text: str, problem: str) -> None:
    form = (
        fill(ALL, number="1", **({name: text} if name != "number" else {}))
        if name != "number"
        else fill(ALL, number=text)
    )
    assert list(errors(form)) == [f"value_{name}"]
    assert problem in errors(form)[f"value_{name}"][0]


def test_what_is_typed_stays_when_something_else_is_wrong() -> None:
    form = fill(GREET, name="", times="x", tone='"cool"')
    assert {"value_name", "value_times"} == set(errors(form))
    assert ">x" in str(form["value_times"]) or 'value="x"' in str(form["value_times"])
    assert 'value="&quot;cool&quot;" selected' in str(form["value_tone"])


def test_arguments_stay_positional_where_they_were() -> None:
    assert given_by(fill(GREET, ["ann", 2], {"loud": True})) == (["ann", 2], {"loud": True})
    assert given_by(fill(GREET, ["ann", 2], name="bob")) == (["bob", 2], {})
    assert given_by(fill(GREET, name="bob", times="2")) == ([], {"name": "bob", "times": 2})


def test_parameters_that_go_by_their_place_go_so() -> None:
    assert given_by(fill(BY_PLACE, first="1", third="4")) == ([1], {"third": 4})
    assert given_by(fill(BY_PLACE, first="1", second="2", third="3", others='["x"]', more='{"k": 1}')) == (
        [1, 2, 3, "x"],
        {"k": 1},
    )
    assert given_by(fill(BY_PLACE, first="1", more='{"first": 2, "others": 3, "more": 4}')) == (
        [1],
        {"first": 2, "others": 3, "more": 4},
    )
    form = fill(BY_PLACE, first="1", others='["x"]')
    assert "has to be filled in" in errors(form)["value_second"][0]
    assert "has a field of its own" in errors(fill(BY_PLACE, first="1", more='{"third": 1}'))["value_more"][0]


def test_without_type_hints_an_input_takes_text_and_json() -> None:
    assert given_by(fill(UNTYPED, to="ann@example.org")) == ([], {"to": "ann@example.org"})
    assert given_by(fill(UNTYPED, to='["a", 1]', subject="7"))[1] == {"to": ["a", 1], "subject": "7"}
    assert "is not JSON" in errors(fill(UNTYPED, to='["a"'))["value_to"][0]
    assert ">[1]" in input_of(UNTYPED, "to", kwargs={"to": [1]}).replace("\n", "")


STORED = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
).filter(lambda value: "\\u0000" not in repr(value) and "\x00" not in str(value) and "\\x00" not in repr(value))


def as_text(value: Any) -> str:
    """Return a value so that 1, 1.0 and true differ."""
    return json.dumps(value, sort_keys=True)


@settings(deadline=None)
@given(data=st.data())
def test_a_form_that_is_sent_as_it_was_opened_changes_nothing(data: st.DataObject) -> None:
    task = data.draw(st.sampled_from([GREET, LOG_IN, ALL, BY_PLACE, UNTYPED, "no.such.task"]))
    parameters = signature_of(task).parameters or []
    names = [each.name for each in parameters if each.kind not in (inspect.Parameter.POSITIONAL_ONLY,)] or ["x"]
    args = data.draw(st.lists(STORED, max_size=3))
    kwargs = data.draw(st.dictionaries(st.sampled_from(names), STORED, max_size=4))
    form = fill(task, args, kwargs)
    if form.is_valid():
        assert as_text((form.args, form.kwargs)) == as_text((args, kwargs))
    else:  # it does not fit the task, as it did not when it was opened
        assert all("doesn't fit" in each or "half a character" in each or "The task needs it" in each
                   for found in errors(form).values() for each in found), errors(form)  # fmt: skip


def test_what_fields_cannot_say_opens_as_json() -> None:
    for args, kwargs in (([1, 2, 3], {}), ([], {"name": 5}), ([], {"other": 1}), (["a"], {"name": "b"})):
        assert ArgumentForm(GREET, args, kwargs).by_json, (args, kwargs)
    assert not ArgumentForm(GREET, ["ann"], {"loud": False}).by_json
    assert ArgumentForm("no.such.task").by_json and not ArgumentForm("no.such.task").knows_fields


def test_json_counts_where_it_is_ticked_and_fields_where_not() -> None:
    both = {"name": "field", "kwargs_json": '{"name": "json"}'}
    assert given_by(fill(GREET, **both)) == ([], {"name": "field"})
    assert given_by(fill(GREET, **both, as_json=True)) == ([], {"name": "json"})


@pytest.mark.parametrize(
    ("args", "kwargs", "field", "problem"),
    [
        ("[", "{}", "args_json", "It is not JSON: line 1"),
        ("{}", "{}", "args_json", "It is not a list"),
        ("[]", "[]", "kwargs_json", "It is not an object"),
        ("[]", '{"name": "a", "nme": "x"}', "kwargs_json", "unexpected keyword argument 'nme'"),
        ("[1, 2, 3]", "", "args_json", "too many positional arguments"),
        ('["a\\u0000"]', "", "args_json", "NUL"),
    ],
)
def test_what_is_wrong_with_json_is_said_at_its_part(args: str, kwargs: str, field: str, problem: str) -> None:
    form = fill(GREET, as_json=True, args_json=args, kwargs_json=kwargs)
    assert problem in errors(form)[field][0]


def test_secrets_are_masked_and_kept_when_left_alone() -> None:
    stored = {
        "user": "ann",
        "password": "hunter2",
        "servers": [{"host": "a", "token": "t1"}, {"host": "b", "token": "t2"}],
    }
    page = str(ArgumentForm(LOG_IN, [], stored))
    assert "hunter2" not in page and "t1" not in page and page.count("*****") >= 4
    assert given_by(fill(LOG_IN, [], stored, user="bob"))[1] == {**stored, "user": "bob"}
    assert given_by(fill(LOG_IN, [], stored, password="new"))[1]["password"] == "new"
    assert given_by(fill(LOG_IN, ["ann", "hunter2"], {}, user="bob")) == (["bob", "hunter2"], {})
    kept = '[{"host": "b", "token": "*****"}]'
    assert given_by(fill(LOG_IN, [], stored, servers=kept))[1]["servers"] == [{"host": "b", "token": "t2"}]


def test_a_mask_never_stands_for_the_secret_of_another() -> None:
    stored = {"user": "ann", "password": "hunter2", "servers": [{"host": "a", "token": "t1"}]}
    form = fill(LOG_IN, [], stored, servers='[{"host": "evil", "token": "*****"}]')
    assert "Type it in" in errors(form)["value_servers"][0]
    assert "only a stored value" in errors(fill(LOG_IN, user="ann", password="*****"))["value_password"][0]
    form = fill(LOG_IN, as_json=True, kwargs_json='{"user": "u", "password": "*****"}')
    assert "Type it in" in errors(form)["kwargs_json"][0]


def switch(task: str, args: Any = None, kwargs: Any = None, **typed: Any) -> ArgumentForm:
    return fill(task, args, kwargs, **typed).switched()


def test_switching_carries_what_was_typed_to_the_other_view() -> None:
    there = switch(GREET, name="ann", times="3", as_json=True)
    assert there.by_json and '"times": 3' in there["kwargs_json"].value()
    data = sent(there)
    del data["arguments-as_json"]
    data["arguments-kwargs_json"] = '{"name": "bob", "loud": true}'
    back = ArgumentForm(GREET, data=data).switched()
    assert not back.by_json and back["value_name"].value() == "bob" and back["value_loud"].value() is True
    assert back["value_times"].value() == ""


def test_switching_masks_secrets_and_still_keeps_them() -> None:
    stored = {"user": "ann", "password": "hunter2"}
    there = switch(LOG_IN, [], stored, user="bob", as_json=True)
    assert "hunter2" not in str(there)
    form = ArgumentForm(LOG_IN, [], stored, data=sent(there))
    assert form.is_valid() and form.kwargs == {"user": "bob", "password": "hunter2"}


def test_what_can_not_be_carried_over_stays_with_the_reason() -> None:
    there = switch(GREET, name="ann", times="x", as_json=True)
    assert not there.by_json and "is not a whole number" in errors(there)["value_times"][0]
    assert there["value_times"].value() == "x"
    back = switch(GREET, [1, 2, 3], as_json=False)
    assert back.by_json and "The fields can't say this" in errors(back)["as_json"][0]
    assert "3" in back["args_json"].value()


def test_another_task_takes_over_what_has_the_same_name() -> None:
    data = sent(ArgumentForm(LOG_IN, [], {"user": "ann", "password": "hunter2"})) | {"arguments-value_number": "7"}
    other = ArgumentForm(ALL, data=data).switched()
    assert other["value_number"].value() == "7"
    assert ArgumentForm(LOG_IN, data=data).switched()["value_password"].value() == ""  # none is stored there


def test_the_docstring_is_read_for_the_task_and_each_parameter() -> None:
    signature = signature_of(GREET)
    docs = {each.name: each.doc for each in signature.parameters or []}
    assert signature.summary == "Say hello.\n\nIt says it as often as asked."
    assert docs == {"name": "who is greeted", "times": "how often, from 1", "loud": "", "tone": ""}
    docs = {each.name: each.doc for each in signature_of(LOG_IN).parameters or []}
    assert docs == {"user": "the account", "password": "its password, kept secret", "servers": ""}
    assert signature_of(LOG_IN).summary == "Log in."
    assert typed_tasks.greet("x") == "hello x, warm"


def test_texts_of_a_task_that_nobody_knows_stay_when_their_masks_are_left_alone() -> None:
    stored = ["hunter2", 1, ["deep", {"user": "me", "token": "t"}]]
    form = ArgumentForm("no.such.task", stored)
    assert json.loads(form["args_json"].value()) == ["*****", 1, ["*****", {"user": "me", "token": "*****"}]]
    assert restored("no.such.task", stored, form["args_json"].value()) == (stored, {})
    assert restored("no.such.task", stored, '["*****", 2, []]') == (["hunter2", 2, []], {})
    assert restored("no.such.task", stored, '["new", 1, []]') == (["new", 1, []], {})


@pytest.mark.parametrize(
    "text", ['["*****"]', '["*****", 1, [], "*****"]', '["*****", 1, ["*****"]]', '["x", "*****", []]']
)
def test_a_mask_that_may_stand_for_another_text_is_refused(text: str) -> None:
    args, errors = restored("no.such.task", ["hunter2", 1, ["deep", "deeper"]], text)
    assert args == [] and "stands for a stored value, and none is stored here" in errors["args_json"][0]


def restored(task: str, stored: list[Any], text: str) -> tuple[list[Any], dict[str, Any]]:
    """Send the form with this JSON of positional arguments; return what it makes of them, and its errors."""
    form = fill(task, list(stored), args_json=text)
    form.full_clean()
    by_field = dict(form.errors)
    by_field.pop("__all__", None)
    return ([] if by_field else form.args), by_field
