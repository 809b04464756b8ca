"""Whatever is typed into the form: either it is refused at a field, or the engine can plan what is saved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from scheduler import clock
from scheduler.admin.job_form import JobForm
from scheduler.engine.passes import plan_one
from scheduler.engine.planning import Live
from scheduler.known_tasks import KnownTasks
from scheduler.lookup import get_job
from scheduler.schedules import restore_trigger

from .job_forms import data_of_form

TASKS = [f"tests.app.typed_tasks.{name}" for name in ("greet", "log_in", "take_some_by_place", "untyped")] + [
    "no.task",
    "",
]
NASTY = st.sampled_from(
    ["", " ", "0", "-1", "1.5", "x", "<b>", "a\x00b", "[", "{}", "[1]", "9" * 40, "ü", "'; --", "inf"]
)
TEXT = NASTY | st.text(max_size=12)
KIND = st.sampled_from(["interval", "daily", "weekly", "monthly", "crontab", "once", "combined", "data", "", "x"])
TRIGGERS = st.sampled_from(
    [
        '{"type": "cron", "hour": "*/2"}', '{"type": "and", "triggers": [{"type": "cron", "hour": 1}]}',
        '{"type": "date"}', '{"type": "calendarinterval", "days": 2}', '{"type": "cron", "day": 31, "month": 2}',
        '{"type": "interval"}', "[" * 5000, "null", '{"type": "interval", "seconds": 1, "jitter": 900}',
        '{"type": "and", "triggers": [{"type": "cron", "second": "*"}, {"type": "cron", "year": 2090, "second": 1}]}',
        '{"type": "cron", "crontab": "* * * * *", "jitter": 1e9}',
    ]
)  # fmt: skip
PARTS = {
    "every": st.sampled_from(["1", "0.5", "90", "1e9", "0"]) | TEXT,
    "unit": st.sampled_from(["seconds", "days", "years"]),
    "counted_from": st.sampled_from(["", "2020-01-01T00:00", "9999-12-31T23:59"]) | TEXT,
    "time": st.sampled_from(["00:00", "23:59:59", "24:00"]) | TEXT,
    "days": st.lists(st.sampled_from(["mon", "sun", "x"])),
    "on": st.sampled_from(["1", "31", "last", "5th …", "3rd …", "0"]),
    "weekday": st.sampled_from(["fri", "x"]),
    "crontab": st.sampled_from(["* * * * *", "0 0 31 2 *", "@daily", "0 12 1 * 5", "@reboot"]) | TEXT,
    "run_date": st.sampled_from(["2020-01-01T00:00", "2099-03-29T02:30", "0001-01-01T00:00"]) | TEXT,
    "trigger_json": TRIGGERS,
}
SCHEDULE = {
    **PARTS, "kind": KIND, "link": st.sampled_from(["and", "or", "x"]),
    "timezone": st.sampled_from(["UTC", "Europe/Berlin", "+05:30", "", "Mars/Base"]),
    "start": st.sampled_from(["", "2020-01-01T00:00", "2099-01-01T00:00"]) | TEXT,
    "end": st.sampled_from(["", "2099-01-01T00:00", "2000-01-01T00:00"]) | TEXT,
    "jitter": st.sampled_from(["", "0", "5", "100000000"]) | TEXT,
}  # fmt: skip
TEXTS = ("name", "description", "tags", "owner", "queue")
NUMBERS = ("priority", "expires", "time_limit", "soft_time_limit", "misfire_grace_time", "max_instances")
OPTIONS = {
    **dict.fromkeys((*TEXTS, *NUMBERS), TEXT),
    "overlap": st.sampled_from(["skip", "allow", "x"]),
    "run_at_start": st.just("on"),
}
GIVEN = {"name": "ann", "first": "1", "user": "ann", "password": "p", "to": "x"}
"""What the tasks need, so that most forms get as far as the rest."""
PARAMETERS = (*GIVEN, "times", "second", "others", "more")
ARGUMENTS = {
    **{f"value_{name}": TEXT for name in PARAMETERS},
    "args_json": TEXT, "kwargs_json": TEXT, "as_json": st.sampled_from(["on", ""]),
}  # fmt: skip
pytestmark = pytest.mark.django_db


def some(fields: dict[str, Any], prefix: str = "") -> st.SearchStrategy[dict[str, Any]]:
    """Type into a few of the fields."""
    return st.fixed_dictionaries({}, optional=fields).map(
        lambda typed: {f"{prefix}{name}": value for name, value in typed.items()}
    )


FORMS = st.builds(
    lambda task, *parts: {"task": task, **{k: v for part in parts for k, v in part.items()}},
    st.sampled_from(TASKS), some(SCHEDULE, "schedule-"), some({**PARTS, "kind": KIND}, "schedule-0-"),
    some({**PARTS, "kind": KIND}, "schedule-1-"), some(OPTIONS), some(ARGUMENTS, "arguments-"),
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(typed=FORMS)
def test_nothing_can_be_saved_that_the_engine_would_set_aside(typed: dict[str, Any]) -> None:
    user, known = User(is_superuser=True), KnownTasks()
    with transaction.atomic():
        data = data_of_form(JobForm(user, task=typed["task"]))
        data |= {f"arguments-value_{name}": text for name, text in GIVEN.items()} | typed | {"id": "made"}
        form = JobForm(user, data=data)
        if not form.is_valid() or form.save("ann") is None:
            errors = [
                form.errors,
                form.schedule.errors,
                form.arguments.errors,
                *(p.errors for p in form.schedule.parts),
            ]
            assert any(errors)
            return
        job = get_job("made")
        due = job.job.next_run_time
        plan = plan_one(job, job.job, due, Live(), known, max(due, clock.now()) + timedelta(seconds=1))
        assert plan.firings
        again = JobForm(user, job=get_job("made"), data=data_of_form(JobForm(user, job=get_job("made"))))
        assert again.is_valid() and again.save("ann") is not None
        after = get_job("made")
        assert (after.args, after.kwargs, restore_trigger(after)) == (job.args, job.kwargs, restore_trigger(job))
        transaction.set_rollback(True)
