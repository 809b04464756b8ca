"""The page that says how long runs are kept, and the forms that set a rule and take it away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from scheduler import chores, retention
from scheduler.engine import tidying
from scheduler.models import RetentionRule, State

from .pages import DASHBOARD, JOBS, make_job, make_run, messages_of, text_of

PAGE = "/admin/scheduler/retentionrule/"
pytestmark = pytest.mark.django_db


@pytest.fixture
def keeper(login: Callable[..., Client]) -> Client:
    """Somebody who may set rules and take them away."""
    return login("change_retentionrule", "delete_retentionrule")


def send(client: Client, state: str, **values: Any) -> Any:
    """Open the form of a rule and send it with these values in place of those that it shows."""
    form = client.get(f"{PAGE}{state}/set/").context["form"]
    return client.post(f"{PAGE}{state}/set/", {**form.initial, **values}, follow=True)


def test_the_page_says_in_words_what_the_settings_keep(boss: Client) -> None:
    text = text_of(boss.get(PAGE))
    assert "Runs are kept for 30 days, and longer while among the newest 100 runs of their job." in text
    assert "Their logs are kept for 14 days." in text and "So say the settings" in text
    assert text.count("the general one") == 8 and "its own" not in text
    assert "none yet: a scheduler begins one within seconds." in text and "Nobody has changed it" in text


def test_a_rule_is_set_for_a_state_and_noted_with_its_difference(keeper: Client) -> None:
    response = send(keeper, "failure", days="90.5", keep="0")
    assert messages_of(response) == ["Saved. From now on such runs are kept for 90.5 days."]
    assert retention.rules()["failure"] == retention.Rule(90.5, 0, 14, is_own=True)
    text = text_of(response)
    assert "its own" in text and text.count("the general one") == 7
    assert "Keep runs for (days) 30 → changed to 90.5" in text and "Keep of each job at least (runs) 100 →" in text
    assert "such runs of their job" in text_of(send(keeper, "timeout", keep="5"))
    entry = LogEntry.objects.get(object_repr__contains="failure")
    assert entry.get_change_message() == (
        "Changed Keep runs for (days): 30 → 90.5 and Keep of each job at least (runs): 100 → 0."
    )
    assert keeper.get(entry.get_admin_url() or "").headers["Location"] == PAGE
    send(keeper, "failure")  # saved as it was, which is no change
    assert LogEntry.objects.count() == 2


def test_the_general_rule_holds_for_every_state_without_one(keeper: Client) -> None:
    text = text_of(send(keeper, "others", days="36500", log_days="1"))
    assert "Runs are kept for ever." in text and "Their logs are kept for 1 day." in text and "was set here" in text
    assert retention.rules()["lost"].days == 36_500


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("days", "-1", "is not a number of days"),
        ("days", "nan", "Enter a number."),
        ("days", "<b>", "Enter a number."),
        ("keep", "1.5", "Enter a whole number."),
        ("keep", "100001", "is not a number of runs"),
        ("log_days", "", "This field is required."),
        ("log_days", "36501", "It takes 0 to 36500"),
    ],
)
def test_a_wrong_value_is_refused_at_its_field_and_changes_nothing(
    keeper: Client, field: str, value: str, said: str
) -> None:
    form = send(keeper, "failure", **{field: value}).context["form"]
    assert list(form.errors) == [field] and said in form.errors[field][0]
    assert not RetentionRule.objects.exists() and not LogEntry.objects.exists()


def test_a_form_that_somebody_overtook_says_so_and_keeps_its_input(keeper: Client) -> None:
    seen = keeper.get(f"{PAGE}failure/set/").context["form"].initial
    retention.set_rule("failure", days=60)
    response = keeper.post(f"{PAGE}failure/set/", {**seen, "days": "90"})
    [said] = response.context["form"].non_field_errors()
    assert said.startswith("Somebody changed this rule after you opened it") and "runs for 60 days" in said
    assert retention.rules()["failure"].days == 60
    form = response.context["form"]
    assert form["days"].value() == "90"
    keeper.post(f"{PAGE}failure/set/", {name: form[name].value() for name in ("days", "keep", "log_days", "seen")})
    assert retention.rules()["failure"].days == 90


def test_a_rule_is_taken_away_after_a_question_that_says_what_holds_then(keeper: Client) -> None:
    retention.set_rule("", days=60)
    retention.set_rule("failure", days=90)
    text = text_of(keeper.get(f"{PAGE}failure/drop/"))
    assert "It says now: runs are kept for 90 days" in text and "the general rule holds: runs are kept for 60" in text
    assert "the settings hold: runs are kept for 30 days" in text_of(keeper.get(f"{PAGE}others/drop/"))
    assert RetentionRule.objects.count() == 2
    text = text_of(keeper.post(f"{PAGE}failure/drop/", follow=True))
    assert "The rule is gone." in text and "90 → changed to 60" in text
    assert retention.rules()["failure"] == retention.Rule(60, 100, 14, is_own=False)
    assert messages_of(keeper.post(f"{PAGE}failure/drop/", follow=True)) == ["There is no such rule any more."]


def test_whoever_may_only_look_is_offered_no_change_and_refused(boss: Client, login: Callable[..., Client]) -> None:
    retention.set_rule("failure", days=90)
    page = boss.get(PAGE).content.decode()
    assert "/set/" not in page and "/drop/" not in page
    for path in ("others/set/", "failure/set/", "failure/drop/"):
        assert boss.get(PAGE + path).status_code == boss.post(PAGE + path, {}).status_code == 403
    half = login("change_retentionrule")
    assert half.get(f"{PAGE}failure/set/").status_code == 200
    assert half.post(f"{PAGE}failure/drop/").status_code == 403
    nobody = login(view=False)
    assert nobody.get(PAGE).status_code == 403
    assert retention.rules()["failure"].days == 90


@pytest.mark.parametrize("word", ["running", "no-such", "others2"])
def test_there_is_no_rule_for_states_that_do_not_end(keeper: Client, word: str) -> None:
    assert keeper.get(f"{PAGE}{word}/set/").status_code == keeper.post(f"{PAGE}{word}/drop/").status_code == 404


def test_the_page_tells_how_far_the_sweep_is_and_when_the_oldest_run_was_due(boss: Client) -> None:
    make_run("a", State.SUCCESS, ago=3 * 86_400 + 60)
    for number in range(3):
        make_run("b", State.SUCCESS, ago=40 * 86_400 + number)
    retention.set_rule("", keep=0)
    chores.take(retention.RUNS)
    assert "under way, 0 runs deleted so far" in text_of(boss.get(PAGE))
    chores.hurry(*retention.CHORES)
    tidying.do_chores(lambda: False)
    text = text_of(boss.get(PAGE))
    assert "ended now , and deleted 3 runs" in text and "Next sweep in 59 min" in text
    assert "was due 3 d" in text


def test_the_page_is_reached_from_the_dashboard_and_from_a_jobs_page(
    boss: Client, login: Callable[..., Client]
) -> None:
    make_job("a")
    for page in (DASHBOARD, f"{JOBS}a/change/"):
        assert f'href="{PAGE}"' in boss.get(page).content.decode()
    stranger = login("view_scheduledtask", view=False)
    assert PAGE not in stranger.get(f"{JOBS}a/change/").content.decode()


def test_the_number_of_queries_does_not_depend_on_rules_and_changes(
    keeper: Client, django_assert_max_num_queries: Any
) -> None:
    for states in ((), ("failure",), ("lost", "missed", "skipped")):
        for state in states:
            send(keeper, state, days="90")
        with django_assert_max_num_queries(10):  # two of them are those of the session and its user
            assert keeper.get(PAGE).status_code == 200
