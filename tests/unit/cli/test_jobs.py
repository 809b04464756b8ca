from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError
from django.utils.translation import override
from django_apscheduler.models import DjangoJob

from scheduler import clock, jobs, runs
from scheduler.lookup import get_job
from scheduler.models import ScheduledTask, State, TaskRun

ADD = "tests.app.tasks.add"
JOB_KEYS = [
    "id", "task", "args", "kwargs", "queue", "trigger", "schedule", "timezone", "next_run_time", "state", "source",
    "last_run",
]  # fmt: skip


@pytest.fixture
def at_noon(monkeypatch: pytest.MonkeyPatch) -> Any:
    now = datetime(2026, 12, 1, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    return now


def test_add_says_what_the_schedule_means_and_when_it_fires_next(call: Any, at_noon: Any) -> None:
    said = call(
        "jobs", "add", "report", "--task", "tests.app.tasks.do_nothing", "--cron", "30 6 * * 1-5",
        "--timezone", "Europe/Berlin",
    )  # fmt: skip
    assert said.splitlines() == [
        "Job report added: Monday to Friday at 06:30 (Europe/Berlin).",
        "Next firings:",
        "  Wed 2026-12-02 06:30:00 CET",
        "  Thu 2026-12-03 06:30:00 CET",
        "  Fri 2026-12-04 06:30:00 CET",
    ]


def test_add_warns_of_numeric_weekdays_on_stdout_or_beside_the_document(call: Any) -> None:
    trigger = '{"type": "cron", "day_of_week": "1-5", "hour": 6}'
    asked = ("--task", "tests.app.tasks.do_nothing", "--trigger", trigger)
    assert "Warning: day_of_week='1-5' means Tuesday to Saturday" in call("jobs", "add", "a", *asked)
    said = call("jobs", "add", "b", *asked, "--json")
    assert said.document["schedule"] == "Tuesday to Saturday at 06:00"
    assert said.stderr.startswith("Warning: day_of_week='1-5' means Tuesday to Saturday")


def test_add_takes_every_option(call: Any) -> None:
    document = call(
        "jobs", "add", "all", "--task", ADD, "--every", "5m", "--args", "[1]", "--kwargs", '{"b": 2}',
        "--queue", "long", "--timezone", "Asia/Tokyo", "--max-instances", "2", "--overlap", "queue",
        "--misfire-grace-time", "1m", "--catch-up", "all", "--on-lost", "retry", "--priority", "3", "--expires", "1h",
        "--time-limit", "90", "--soft-time-limit", "1.5m", "--run-at-start", "--description", "你好", "--tags", "a, b",
        "--tag", "c", "--name", "All", "--owner", "anna", "--json",
    ).document  # fmt: skip
    assert list(document) == JOB_KEYS
    assert document["args"] == [1]
    assert document["kwargs"] == {"b": 2}
    assert document["queue"] == "long"
    assert document["timezone"] == "Asia/Tokyo"
    assert document["trigger"]["minutes"] == 5
    assert document["state"] == "scheduled"
    assert document["source"] == "admin"
    assert datetime.fromisoformat(document["next_run_time"]).utcoffset().total_seconds() == 9 * 3600
    job = get_job("all")
    assert (job.max_instances, job.overlap, job.misfire_grace_time) == (2, "queue", 60)
    assert (job.catch_up, job.on_lost, job.priority, job.expires) == ("all", "retry", 3, 3600)
    assert (job.time_limit, job.soft_time_limit, job.run_at_start) == (90, 90, True)
    assert (job.description, job.tags, job.name, job.owner) == ("你好", ["a", "b", "c"], "All", "anna")


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        (["--every", "300s"], "every 5 minutes"),
        (["--cron", "@daily"], "every day at 00:00"),
        (["--at", "2099-12-01T09:00"], "once on 2099-12-01 at 09:00"),
        (["--trigger", '{"type": "interval", "hours": 2}'], "every 2 hours"),
    ],
)
def test_each_kind_of_schedule_is_understood(call: Any, schedule: Any, words: str) -> None:
    said = call("jobs", "add", "x", "--task", "tests.app.tasks.do_nothing", *schedule, "--json")
    assert said.document["schedule"] == words


BAD = [
    (["--task", "tests.app.tasks.ad", "--every", "5m"], "task: 'tests.app.tasks.ad' is not a registered Celery task"),
    (["--task", ADD, "--every", "5m"], "doesn't fit tests.app.tasks.add"),
    (["--task", ADD, "--every", "5m", "--args", "[1"], "args: '[1' is not JSON"),
    (["--task", ADD, "--every", "5m", "--args", "{}"], "args: '{}' is not a JSON list"),
    (["--task", ADD, "--every", "5m", "--args", "null"], "args: 'null' is not a JSON list"),
    (["--task", ADD, "--every", "5m", "--args", "[NaN]"], "args: '[NaN]' is not JSON"),
    (["--task", ADD, "--every", "5m", "--args", "[" * 100_000], "args: "),
    (["--task", ADD, "--every", "5m", "--args", f'["{"x" * 70_000}"]'], "over the limit of 65536 bytes"),
    (["--task", ADD, "--every", "5m", "--kwargs", "[]"], "kwargs: '[]' is not a JSON object"),
    (["--task", ADD, "--args", "[1]", "--every", "0.5s"], "trigger.seconds: 0.5 makes an interval under one second"),
    (["--task", ADD, "--args", "[1]", "--every", "0"], "under one second"),
    (["--task", ADD, "--args", "[1]", "--every=-5m"], "every: '-5m' is not a length of time"),
    (["--task", ADD, "--args", "[1]", "--every", "999999999999w"], "out of range"),
    (["--task", ADD, "--args", "[1]", "--cron", ""], "crontab: ''"),
    (["--task", ADD, "--args", "[1]", "--cron", "61 * * * *"], "crontab"),
    (["--task", ADD, "--args", "[1]", "--at", "yesterday"], "trigger.run_date: 'yesterday' is not a date and time"),
    (["--task", ADD, "--args", "[1]", "--trigger", "[]"], "trigger: '[]' is not a JSON object"),
    (["--task", ADD, "--args", "[1]", "--trigger", "{}"], "trigger"),
    (["--task", ADD, "--args", "[1]", "--trigger", '{"type": "corn"}'], "Did you mean 'cron'?"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--timezone", "Berlin"], "timezone: 'Berlin'"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--max-instances", "two"], "max_instances: 'two'"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--max-instances", "0"], "max_instances: 0"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--misfire-grace-time", "1.5"], "misfire_grace_time: 1.5"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--overlap", "maybe"], "overlap: 'maybe' is not a choice"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--tag", "a;b"], "tags: 'a;b' is not a tag"),
    (["--task", ADD, "--args", "[1]", "--every", "5m", "--description", "a\x00b"], "description"),
    (
        ["--task", ADD, "--args", "[1]", "--every", "5m", "--cron", "@daily"],
        "--cron: not allowed with argument --every",
    ),
    (["--task", ADD, "--args", "[1]"], "one of the arguments --every --cron --at --trigger is required"),
    (["--every", "5m"], "--task"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_named_and_nothing_is_stored(call: Any, arguments: Any, message: str) -> None:
    with pytest.raises(CommandError) as caught:
        call("jobs", "add", "x", *arguments)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not ScheduledTask.objects.exists()
    assert not DjangoJob.objects.exists()


@pytest.mark.parametrize("job_id", ["", "a;b", "x" * 256, "a\nb", "\ud800"])
def test_odd_ids_are_refused(refused: Any, job_id: Any) -> None:
    assert refused("jobs", "add", job_id, "--task", "tests.app.tasks.do_nothing", "--every", "5m").startswith("id: ")


def test_a_taken_id_is_refused_unless_it_is_to_be_replaced(call: Any, refused: Any, nightly: Any) -> None:
    again = ("jobs", "add", "nightly", "--task", "tests.app.tasks.do_nothing", "--every", "5m")
    assert "is taken by another job. Choose another id, or replace the job with --replace-existing." in refused(*again)
    assert get_job("nightly").task == ADD
    assert call(*again, "--replace-existing", "--json").document["task"] == "tests.app.tasks.do_nothing"
    assert "Job nightly replaced:" in call(*again, "--replace-existing")


def test_a_job_in_the_past_is_shown_as_due(call: Any) -> None:
    said = call("jobs", "add", "x", "--task", "tests.app.tasks.do_nothing", "--at", "2020-01-01")
    assert "2020-01-01 00:00:00 UTC (due now)" in said


def test_modify_changes_what_it_names_and_nothing_else(call: Any, nightly: Any) -> None:
    before = get_job("nightly").job.next_run_time
    document = call("jobs", "modify", "nightly", "--args", "[5]", "--max-instances", "3", "--json").document
    assert document["args"] == [5]
    assert document["kwargs"] == {"b": 2}
    job = get_job("nightly")
    assert job.max_instances == 3
    assert job.job.next_run_time == before


@pytest.mark.parametrize("schedule", [["--cron", "0 7 * * *"], ["--every", "2h"], ["--at", "2099-01-01T07:00"]])
def test_a_new_schedule_keeps_the_zone_of_the_job(call: Any, nightly: Any, schedule: Any) -> None:
    assert call("jobs", "modify", "nightly", *schedule, "--json").document["timezone"] == "Europe/Berlin"


def test_modify_moves_a_job_to_another_zone(call: Any, nightly: Any) -> None:
    document = call("jobs", "modify", "nightly", "--timezone", "Asia/Tokyo", "--json").document
    assert document["timezone"] == "Asia/Tokyo"
    assert document["next_run_time"].endswith("06:30:00+09:00")


def test_modify_unsets_options(call: Any, nightly: Any) -> None:
    call("jobs", "modify", "nightly", "--expires", "5m", "--priority", "3", "--tags", "a", "--queue", "long")
    call("jobs", "modify", "nightly", "--expires", "none", "--priority", "none", "--tags", "", "--queue", "")
    job = get_job("nightly")
    assert (job.expires, job.priority, job.tags, job.queue) == (None, None, [], "")


def test_modify_without_a_change_is_refused(refused: Any, nightly: Any) -> None:
    assert refused("jobs", "modify", "nightly").startswith("modify: 'nightly' is named without a change")


def test_pause_resume_and_remove_show_in_the_state(call: Any, refused: Any, nightly: Any) -> None:
    assert call("jobs", "pause", "nightly", "--json").document["state"] == "paused"
    assert call("jobs", "show", "nightly", "--json").document["next_run_time"] is None
    assert call("jobs", "resume", "nightly", "--json").document["state"] == "scheduled"
    assert call("jobs", "remove", "nightly", "--json").document["state"] == "removed"
    assert "names no job" in refused("jobs", "remove", "nightly")
    assert call("jobs", "show", "nightly", "--json").document["state"] == "removed"
    assert call("jobs", "list", "--json").document == []
    assert [job["id"] for job in call("jobs", "list", "--all", "--json").document] == ["nightly"]


@pytest.mark.parametrize("action", ["show", "modify", "pause", "resume", "remove", "run", "next"])
def test_an_unknown_job_is_named(refused: Any, action: Any) -> None:
    more = ["--queue", "x"] if action == "modify" else []
    assert refused("jobs", action, "nobody", *more).startswith("id: 'nobody' names no job.")


def test_list_filters(call: Any, nightly: Any) -> Any:
    add = jobs.add_job
    add("tests.app.tasks.do_nothing", "interval", minutes=1, id="other", queue="long", tags=["a", "b"], name="Zeta")
    add("tests.app.tasks.do_nothing", "interval", minutes=1, id="asleep", tags=["ab"], description="Sleeps")
    jobs.pause_job("asleep")

    def ids(*filters: str) -> list[str]:
        return [job["id"] for job in call("jobs", "list", *filters, "--json").document]

    assert ids() == ["asleep", "nightly", "other"]
    assert ids("--state", "paused") == ["asleep"]
    assert ids("--state", "scheduled") == ["nightly", "other"]
    assert ids("--tag", "a") == ["other"]
    assert ids("--queue", "long") == ["other"]
    assert ids("--queue", "default") == ["asleep", "nightly"]
    assert ids("--task", ADD) == ["nightly"]
    assert ids("--search", "ZET") == ["other"]
    assert ids("--search", "sleep", "--state", "paused") == ["asleep"]
    assert ids("--search", "%") == []


def test_a_state_that_no_job_has_is_refused(refused: Any) -> None:
    assert refused("jobs", "list", "--state", "running").startswith("state: 'running' is not a state")


def test_a_search_for_half_a_character_is_refused(refused: Any) -> None:
    assert refused("jobs", "list", "--search", "\udcff").startswith("search: ")


def test_the_table_is_aligned_and_fits_into_100_columns(call: Any, nightly: Any) -> None:
    jobs.add_job(
        "tests.app.tasks.do_nothing",
        {"type": "or", "triggers": [{"type": "cron", "hour": h} for h in range(9)]},
        id="many",
        name="你好",
    )
    lines = call("jobs", "list").splitlines()
    assert [line.split()[0] for line in lines] == ["ID", "many", "nightly"]
    assert all(len(line) <= 100 for line in lines)
    assert lines[2].index("scheduled") == lines[1].index("scheduled") == lines[0].index("STATE")
    assert lines[1].endswith("…")
    assert "CET" in lines[2] or "CEST" in lines[2]


def test_show_tells_what_is_not_as_usual(call: Any, nightly: Any) -> None:
    call("jobs", "modify", "nightly", "--overlap", "queue", "--run-at-start", "--description", "a\x1b[31mb")
    said = call("jobs", "show", "nightly")
    assert "every day at 06:30 (Europe/Berlin)" in said
    assert "overlap" in said
    assert "run at start  yes" in said
    assert "max instances" not in said
    assert "a\\x1b[31mb" in said


def test_a_job_that_cannot_be_restored_is_shown_as_broken(call: Any, nightly: Any) -> None:
    DjangoJob.objects.filter(id="nightly").update(job_state=b"not a pickle")
    document = call("jobs", "list", "--state", "broken", "--json").document[0]
    assert (document["state"], document["trigger"], document["schedule"]) == ("broken", None, "")
    assert document["timezone"] is None
    assert "broken" in call("jobs", "show", "nightly")
    assert "broken" in call("jobs", "list")
    assert call("jobs", "next", "nightly", "--json").document == []


def test_next_goes_on_from_the_stored_time(call: Any, nightly: Any, at_noon: Any) -> None:
    DjangoJob.objects.filter(id="nightly").update(next_run_time=datetime(2026, 12, 24, 5, 30, tzinfo=UTC))
    assert call("jobs", "next", "nightly", "-n", "2", "--json").document == [
        "2026-12-24T06:30:00+01:00",
        "2026-12-25T06:30:00+01:00",
    ]
    assert "  Thu 2026-12-24 06:30:00 CET" in call("jobs", "next", "nightly").splitlines()


def test_next_does_not_list_firings_that_were_missed(call: Any, nightly: Any, at_noon: Any) -> None:
    DjangoJob.objects.filter(id="nightly").update(next_run_time=datetime(2026, 11, 1, 5, 30, tzinfo=UTC))
    assert call("jobs", "next", "nightly", "-n", "2", "--json").document == [
        "2026-11-01T06:30:00+01:00",
        "2026-12-02T06:30:00+01:00",
    ]


def test_next_of_a_paused_job_says_so(call: Any, nightly: Any) -> None:
    jobs.pause_job("nightly")
    assert call("jobs", "next", "nightly").startswith("It is paused. Resumed now, it would fire:\n")
    jobs.remove_job("nightly")
    assert call("jobs", "next", "nightly") == "It does not fire again: it is removed.\n"


@pytest.mark.parametrize("count", ["0", "-1", "1001", "x", "9" * 5000])
def test_next_takes_a_sensible_count(refused: Any, nightly: Any, count: str) -> None:
    assert refused("jobs", "next", "nightly", f"-n={count}").startswith("n: ")


def test_run_makes_a_run_with_who_asked_and_why(call: Any, nightly: Any) -> None:
    document = call("jobs", "run", "nightly", "--args", "[7]", "--note", "trial", "--json").document
    run = TaskRun.objects.get()
    assert document["id"] == str(run.id)
    assert document["state"] == "pending"
    assert document["requested_by"].startswith("cli:")
    assert (run.args, run.kwargs, run.note) == ([7], {"b": 2}, "trial")


def test_run_waits_no_longer_than_told_and_ends_with_1(call: Any, nightly: Any) -> None:
    with pytest.raises(SystemExit) as caught:
        call("jobs", "run", "nightly", "--wait", "--timeout", "0.2s")
    assert caught.value.code == 1
    assert TaskRun.objects.get().state == State.PENDING


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--timeout", "5s"], "timeout: '5s' goes with --wait"),
        (["--args", "[1, 2, 3]"], "doesn't fit tests.app.tasks.add"),
        (["--kwargs", "1"], "kwargs: '1' is not a JSON object"),
        (["--note", "\udcff"], "note: "),
    ],
)
def test_a_refused_run_leaves_no_run(refused: Any, nightly: Any, more: Any, message: str) -> None:
    assert message in refused("jobs", "run", "nightly", *more)
    assert not TaskRun.objects.exists()


def test_the_last_run_of_a_job_is_the_newest(call: Any, nightly: Any) -> None:
    first = jobs.run_job("nightly")
    runs.cancel(first.id)
    second = jobs.run_job("nightly")
    last = call("jobs", "show", "nightly", "--json").document["last_run"]
    assert list(last) == ["id", "state", "scheduled_at", "duration"]
    assert (last["id"], last["state"], last["duration"]) == (str(second.id), "pending", None)


def test_a_list_of_jobs_takes_as_many_queries_as_one_job(call: Any, django_assert_num_queries: Any) -> None:
    def add(number: int) -> None:
        jobs.add_job("tests.app.tasks.do_nothing", "interval", minutes=1, id=f"job-{number}")
        jobs.run_job(f"job-{number}")

    add(0)
    with django_assert_num_queries(2):
        call("jobs", "list", "--json")
    for number in range(1, 9):
        add(number)
    with django_assert_num_queries(2):
        assert len(call("jobs", "list", "--json").document) == 9
    with django_assert_num_queries(2):
        call("jobs", "list")


def test_documents_are_plain_json(call: Any, nightly: Any) -> None:
    jobs.run_job("nightly")
    document = call("jobs", "list", "--json").document
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_a_command_speaks_english_whatever_the_language_of_the_settings(call: Any, refused: Any) -> None:
    with override("zh-hans"):
        call("jobs", "add", "report", "--task", ADD, "--cron", "30 6 * * 1-5", "--args", "[1, 2]")
        assert "Monday to Friday at 06:30" in call("jobs", "show", "report")
        assert call("jobs", "show", "report", "--json").document["schedule"] == "Monday to Friday at 06:30"
        assert refused("jobs", "show", "nothing").startswith("id: 'nothing' names no job.")
