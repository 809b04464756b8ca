"""The form of a job: adding, changing, duplicating; what is refused is said at its field and nothing is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from scheduler import add_job, modify_job
from scheduler.admin.job_form import JobForm
from scheduler.lookup import get_job, state_of
from scheduler.models import ScheduledTask
from scheduler.schedules import restore_trigger
from scheduler.triggers import describe, trigger_to_data

from .job_forms import ADD, GREET, data_of, data_of_form, edit_url, faults, greeting, opened, send
from .pages import JOBS, make_job, messages_of, text_of

LOG_IN = "tests.app.typed_tasks.log_in"


def test_a_job_is_added_with_everything_that_was_typed(editor: Client) -> None:
    data = opened(editor, f"{ADD}?task={GREET}")
    response = send(
        editor, ADD, data, id="hello", name="Hello", description="Line\r\ntwo", tags="b, a,, a", owner="ann",
        arguments__value_name="bob", arguments__value_times="2", schedule__kind="weekly", schedule__days=["mon", "sun"],
        schedule__time="06:30", schedule__timezone="Europe/Berlin", overlap="queue", catch_up="all", on_lost="retry",
        queue="long", priority="3", max_instances="2", expires="60", soft_time_limit="1.5", time_limit="2",
        misfire_grace_time="9", run_at_start="on",
    )  # fmt: skip
    assert response.redirect_chain[-1][0] == JOBS + "hello/change/"
    assert messages_of(response)[0].startswith("Added the job “Hello”. It runs in ")
    job = get_job("hello")
    assert (job.task, job.args, job.kwargs) == (GREET, [], {"name": "bob", "times": 2})
    assert describe(restore_trigger(job)) == "Monday and Sunday at 06:30"
    assert (job.description, job.tags, job.owner, job.source) == ("Line\ntwo", ["a", "b"], "ann", "admin")
    assert (job.overlap, job.catch_up, job.on_lost, job.queue, job.priority) == ("queue", "all", "retry", "long", 3)
    assert (job.max_instances, job.expires, job.soft_time_limit, job.time_limit) == (2, 60, 1.5, 2)
    assert (job.misfire_grace_time, job.run_at_start) == (9, True)


def test_without_an_id_it_is_made_from_the_name(editor: Client) -> None:
    data = opened(editor, f"{ADD}?task={GREET}") | {"arguments-value_name": "x"}
    send(editor, ADD, data, name="Tägliche Grüße!")
    send(editor, ADD, data)
    assert sorted(ScheduledTask.objects.values_list("job_id", flat=True))[-1] == "tägliche-grüße"
    assert ScheduledTask.objects.count() == 2


def test_an_untouched_form_changes_nothing_and_is_not_in_the_history(editor: Client) -> None:
    job = greeting(
        kwargs={"times": 1}, overlap="allow", expires=1.25, tags=["x"], description="a\r\nb", name="N ", priority=0
    )
    before = {**{f.name: getattr(job, f.name) for f in job._meta.fields}, "trigger": restore_trigger(job)}
    following = job.job.next_run_time
    response = send(editor, edit_url("hello"), opened(editor, edit_url("hello")))
    assert "Saved the job" in messages_of(response)[0]
    job = get_job("hello")
    after = {**{f.name: getattr(job, f.name) for f in job._meta.fields}, "trigger": restore_trigger(job)}
    same = {name for name in before if before[name] == after[name]}
    assert set(before) - same == {"updated_at"} and job.job.next_run_time == following
    assert "Nobody has changed it" in text_of(response)


def test_a_change_touches_only_what_was_changed(editor: Client) -> None:
    greeting()
    following = get_job("hello").job.next_run_time
    send(editor, edit_url("hello"), opened(editor, edit_url("hello")), queue="long", arguments__value_name="bob")
    job = get_job("hello")
    assert (job.queue, job.args, job.kwargs, job.job.next_run_time) == ("long", ["bob"], {}, following)
    send(editor, edit_url("hello"), opened(editor, edit_url("hello")), schedule__every="10")
    assert describe(restore_trigger(get_job("hello"))) == "every 10 minutes"


def test_another_task_comes_with_its_own_arguments(editor: Client) -> None:
    greeting()
    data = opened(editor, edit_url("hello")) | {"task": "tests.app.tasks.add"}
    response = send(editor, edit_url("hello"), data, _choose="")
    shown = [field.name for field in response.context["arguments"].values]
    assert shown == ["value_a", "value_b"] and get_job("hello").task == GREET
    send(editor, edit_url("hello"), data_of(response), arguments__value_a="7")
    assert (get_job("hello").task, get_job("hello").args, get_job("hello").kwargs) == (
        "tests.app.tasks.add", [], {"a": 7},
    )  # fmt: skip


WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({"id": "a\x00b"}, "id", "Null characters"),
    ({"id": "<b>"}, "id", "is not a job id"),
    ({"id": "taken"}, "id", "Another job has this id."),
    ({"task": "no.such.task", "arguments__as_json": "on"}, "task", "is not a registered Celery task"),
    ({"task": None}, "task", "Choose one."),
    ({"task": "celery.backend_cleanup\x00"}, "task", "Null characters"),
    ({"arguments__value_name": ""}, "arguments-value_name", "The task needs it."),
    ({"arguments__value_times": "<b>"}, "arguments-value_times", "“<b>” is not a whole number."),
    ({"arguments__as_json": "on", "arguments__kwargs_json": '{"nam": 1}'}, "arguments-kwargs_json", "doesn't fit"),
    ({"schedule__every": "0"}, "schedule-every", "under one second"),
    ({"schedule__timezone": "Mars"}, "schedule-timezone", "is not a known time zone"),
    ({"schedule__kind": "weekly", "schedule__days": None}, "schedule-days", "Choose a day"),
    ({"queue": "a b"}, "queue", "is not a queue name"),
    ({"tags": "<i>"}, "tags", "is not a tag"),
    ({"priority": "256"}, "priority", "from 0 to 255"),
    ({"priority": "x"}, "priority", "whole number"),
    ({"expires": "-1"}, "expires", "seconds above 0"),
    ({"expires": "inf"}, "expires", "number"),
    ({"misfire_grace_time": "0"}, "misfire_grace_time", "above 0"),
    ({"max_instances": ""}, "max_instances", "required"),
    ({"max_instances": "0"}, "max_instances", "from 1"),
    ({"soft_time_limit": "5", "time_limit": "2"}, "soft_time_limit", "is over the time_limit"),
    ({"overlap": "both"}, "overlap", "not one of the available choices"),
    ({"name": "x" * 256}, "name", "255"),
    ({"description": "a\x00"}, "description", "Null characters"),
    ({"description": "x" * 10_001}, "description", "10000 characters"),
    ({"owner": "x" * 151}, "owner", "150"),
]


@pytest.mark.parametrize(
    ("typed", "field", "problem"), WRONG, ids=[f"{field}-{n}" for n, (_, field, _) in enumerate(WRONG)]
)
def test_what_is_wrong_is_said_at_its_field_and_the_input_stays(
    editor: Client, typed: dict[str, Any], field: str, problem: str
) -> None:
    greeting(id="taken")
    data = data_of_form(JobForm(AnonymousUser(), task=GREET))
    data |= {"arguments-value_name": "ann", "name": "Kept", "id": "new"}
    response = send(editor, ADD, data, **typed)
    assert list(faults(response)) == [field] and problem in faults(response)[field][0], faults(response)
    assert ScheduledTask.objects.count() == 1
    html = response.content.decode()
    assert 'value="Kept"' in html or "name" in typed
    assert "1 thing" in html or "One thing is not right" in html
    assert ("autofocus" in html and 'aria-invalid="true"' in html) or field in ("task", "schedule-days", "overlap")


def test_everything_that_is_wrong_is_said_at_once(editor: Client) -> None:
    data = opened(editor, f"{ADD}?task={GREET}")
    response = send(editor, ADD, data, queue="a b", id="<>", schedule__every="x", priority="-1", name="<script>")
    assert set(faults(response)) == {"queue", "id", "schedule-every", "priority", "arguments-value_name"}
    assert "<script>" not in response.content.decode().split('name="name"')[1][:200]
    assert "5 things are not right" in text_of(response)
    links = response.content.decode().split("sched-faults")[1].split("</ul>")[0]
    assert all(f'href="#id_{name}"' in links for name in ("queue", "id", "schedule-every", "arguments-value_name"))


def test_buttons_that_only_look_save_nothing_and_complain_of_nothing(editor: Client) -> None:
    data = opened(editor, ADD) | {"queue": "a b", "name": "Kept"}
    response = send(editor, ADD, data, task=GREET, _choose="")
    assert faults(response) == {} and next(f.name for f in response.context["arguments"].values) == "value_name"
    response = send(editor, ADD, data_of(response), _preview="", schedule__kind="daily", schedule__time="07:15")
    assert "every day at 07:15" in text_of(response) and faults(response) == {}
    assert 'value="Kept"' in response.content.decode() and 'value="a b"' in response.content.decode()
    parts = {"schedule-kind": "combined", "schedule-0-kind": "daily", "schedule-1-kind": "weekly"}
    response = send(editor, ADD, data_of(response) | parts, _preview="")
    assert "every day at 06:00; and also Monday to Friday at 06:00" in text_of(response)
    more = send(editor, ADD, data_of(response) | {"schedule-1-days": None}, _preview="part")
    assert len(more.context["schedule"].shown_parts) == 3 and faults(more) == {}
    wrong = send(editor, ADD, data_of(response) | {"schedule-1-days": None}, _preview="")
    assert list(faults(wrong)) == ["schedule-kind", "schedule-1-days"]
    assert not ScheduledTask.objects.exists()


def test_a_job_is_duplicated_with_its_secrets(editor: Client) -> None:
    add_job(LOG_IN, crontab="30 6 * * 1-5", id="first", kwargs={"user": "ann", "password": "hunter2"}, queue="long")
    data = opened(editor, ADD + "?like=first")
    assert data["id"] == "first-copy" and "hunter2" not in str(data)
    send(editor, ADD, data, id="second")
    job = get_job("second")
    assert (job.task, job.kwargs, job.queue, job.source) == (LOG_IN, get_job("first").kwargs, "long", "admin")
    assert trigger_to_data(restore_trigger(job)) == trigger_to_data(restore_trigger(get_job("first")))


def test_secrets_are_not_in_the_page_and_not_lost(editor: Client) -> None:
    add_job(LOG_IN, "interval", minutes=5, id="in", kwargs={"user": "ann", "password": "hunter2"})
    assert "hunter2" not in editor.get(edit_url("in")).content.decode()
    send(editor, edit_url("in"), opened(editor, edit_url("in")), arguments__value_user="bob")
    assert get_job("in").kwargs == {"user": "bob", "password": "hunter2"}
    data = opened(editor, edit_url("in")) | {"task": "tests.app.typed_tasks.untyped", "arguments-value_to": "x"}
    response = send(editor, edit_url("in"), data, _choose="")
    assert "hunter2" not in response.content.decode()
    stolen = {**data, "arguments-as_json": "on", "arguments-kwargs_json": '{"to": "x", "password": "*****"}'}
    assert "Type it in" in faults(send(editor, edit_url("in"), stolen))["arguments-kwargs_json"][0]


def test_a_job_whose_task_is_gone_is_edited_by_giving_it_another(editor: Client) -> None:
    make_job("ill", task="gone.task", kwargs={"a": 1}, broken_reason="No task is named gone.task")
    data = opened(editor, edit_url("ill"))
    assert "is not a registered Celery task" in faults(send(editor, edit_url("ill"), data))["task"][0]
    response = send(editor, edit_url("ill"), {**data, "task": GREET}, _choose="")
    send(editor, edit_url("ill"), data_of(response), arguments__value_name="ann", arguments__as_json=None)
    assert (get_job("ill").task, state_of(get_job("ill"))) == (GREET, "scheduled")


def test_a_job_whose_stored_state_can_not_be_read_gets_a_new_schedule(editor: Client) -> None:
    job = greeting()
    job.job.job_state = b"nonsense"
    job.job.save()
    data = opened(editor, edit_url("hello"))
    send(editor, edit_url("hello"), data, schedule__kind="daily", schedule__time="05:00")
    assert describe(restore_trigger(get_job("hello"))) == "every day at 05:00"


def test_a_paused_job_stays_paused(editor: Client) -> None:
    greeting(next_run_time=None)
    response = send(editor, edit_url("hello"), opened(editor, edit_url("hello")), schedule__every="7")
    assert state_of(get_job("hello")) == "paused" and messages_of(response) == ["Saved the job “hello”."]


def test_the_page_asks_the_database_as_often_for_many_jobs_and_tasks(
    editor: Client, django_assert_max_num_queries: Any
) -> None:
    greeting()
    for number in range(20):
        make_job(f"other-{number}")
    with django_assert_max_num_queries(12):
        editor.get(edit_url("hello"))
    with django_assert_max_num_queries(10):
        editor.get(ADD)


def test_every_way_to_the_form_is_on_the_pages(editor: Client) -> None:
    greeting(id="a/b:c")
    assert f'href="{ADD}"' in editor.get(JOBS).content.decode().replace("?_changelist_filters", '"')
    page = editor.get(JOBS + "a_2Fb_3Ac/change/").content.decode()
    assert f'href="{JOBS}a_2Fb_3Ac/edit/"' in page and f'href="{ADD}?like=a%2Fb%3Ac"' in page
    assert editor.get(JOBS + "a_2Fb_3Ac/edit/").status_code == 200
    assert opened(editor, ADD + "?like=a%2Fb%3Ac")["id"] == "a/b:c-copy"
    ScheduledTask.objects.all().delete()
    assert f'href="{ADD}">Add job</a>' in editor.get(JOBS).content.decode()


def test_a_change_of_the_job_does_not_undo_what_the_engine_did(editor: Client) -> None:
    greeting()
    data = opened(editor, edit_url("hello"))
    modify_job("hello", next_run_time=get_job("hello").job.next_run_time.replace(year=2031))
    send(editor, edit_url("hello"), data, owner="ann")
    assert get_job("hello").job.next_run_time.year == 2031 and get_job("hello").owner == "ann"
