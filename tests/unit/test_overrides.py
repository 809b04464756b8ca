"""A person's changes of declared jobs: which they are, and how the code gets a field back."""

from __future__ import annotations

from typing import Any

import pytest

from scheduler import add_job, modify_job, remove_job
from scheduler.exceptions import InvalidInput, JobNotFound, StaleJob
from scheduler.lookup import get_job
from scheduler.overrides import declared, overridden, revert
from scheduler.schedules import restore_trigger
from scheduler.syncing import sync
from scheduler.triggers import describe, trigger_to_data
from tests.app.tasks import add, nap

from .test_registry import Declare, declare

__all__ = ["declare"]  # a fixture that the tests here use as well
pytestmark = pytest.mark.django_db


@pytest.fixture
def job(declare: Declare) -> str:
    declare((add, "interval", {"minutes": 5, "id": "sum", "args": [1], "queue": "long", "overlap": "queue"}))
    sync()
    return "sum"


def schedule() -> str:
    return describe(restore_trigger(get_job("sum")))


def test_the_code_owns_every_field_until_a_person_changes_it(job: str) -> None:
    assert declared(get_job(job))["queue"] == "long" and "schedule" in declared(get_job(job))
    assert overridden(get_job(job)) == {}
    modify_job(job, queue="default", args=[2])
    assert overridden(get_job(job)) == {"queue": "long", "args": [1]}
    assert declared(add_job(add, "interval", minutes=1, id="other", args=[1])) == {}


def test_a_field_that_is_given_back_has_the_declared_value_and_is_the_codes_again(job: str, declare: Declare) -> None:
    modify_job(job, queue="default", overlap="skip")
    assert revert(job, "queue").queue == "long"
    assert overridden(get_job(job)) == {"overlap": "queue"}
    assert sync().unchanged == ["sum"]
    declare((add, "interval", {"minutes": 5, "id": "sum", "args": [1], "queue": "short", "overlap": "queue"}))
    sync()
    assert (get_job(job).queue, get_job(job).overlap) == ("short", "skip")


def test_a_schedule_goes_back_to_what_the_code_says_now(job: str, declare: Declare) -> None:
    modify_job(job, trigger={"type": "cron", "hour": 6})
    assert list(overridden(get_job(job))) == ["schedule"]
    declare((add, "interval", {"minutes": 7, "id": "sum", "args": [1], "queue": "long", "overlap": "queue"}))
    assert sync().overridden == [("sum", "schedule")]
    assert describe_data(overridden(get_job(job))["schedule"]) == "every 7 minutes"
    revert(job, "schedule")
    assert schedule() == "every 7 minutes" and overridden(get_job(job)) == {}
    before = get_job(job).updated_at
    assert sync().unchanged == ["sum"] and get_job(job).updated_at == before


def describe_data(data: Any) -> str:
    from scheduler.triggers import trigger_from_data

    return describe(trigger_from_data(data))


def test_without_the_declaration_at_hand_the_schedule_goes_back_to_the_last_known_one(
    job: str, declare: Declare
) -> None:
    kept = trigger_to_data(restore_trigger(get_job(job)))
    modify_job(job, trigger={"type": "cron", "hour": 6})
    declare()
    revert(job, "schedule")
    assert trigger_to_data(restore_trigger(get_job(job))) == kept


def test_arguments_go_back_with_their_task(job: str) -> None:
    modify_job(job, task=nap, args=[], kwargs={"seconds": 1})
    revert(job, "task")
    assert (get_job(job).task, get_job(job).args, get_job(job).kwargs) == ("tests.app.tasks.add", [1], {})


def test_what_the_code_does_not_own_is_not_given_back(job: str) -> None:
    add_job(add, "interval", minutes=1, id="other", args=[1])
    with pytest.raises(InvalidInput, match="not declared in code"):
        revert("other", "queue")
    with pytest.raises(InvalidInput, match="It owns args"):
        revert(job, "paused_at")
    modify_job(job, soft_time_limit=5)
    before = get_job(job)
    modify_job(job, queue="x")
    with pytest.raises(StaleJob):
        revert(job, "soft_time_limit", unchanged_since=before.updated_at)
    assert get_job(job).soft_time_limit == 5
    remove_job(job)
    with pytest.raises(JobNotFound):
        revert(job, "queue")
