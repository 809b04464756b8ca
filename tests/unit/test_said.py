"""Errors say what is wrong in English, and remember how to say it in other languages."""

from __future__ import annotations

import pickle

import pytest
from django.utils.translation import override

from scheduler.admin.text import explained, sentence
from scheduler.exceptions import DuplicateJob, InvalidInput, JobNotFound, NotAllowed, StaleJob
from scheduler.said import said, spoken
from scheduler.triggers import CrontabTrigger, IntervalTrigger


def test_a_text_is_english_and_spoken_in_the_active_language() -> None:
    text = said("has %(count)s characters", count=300)
    with override("zh-hans"):
        assert text == "has 300 characters"
        assert spoken(text) == "有 300 个字符"
    assert spoken(text) == "has 300 characters"


def test_texts_within_texts_are_translated_and_others_stay() -> None:
    text = said("is not %(kind)s", kind=said("a number"))
    with override("zh-hans"):
        assert spoken(text) == "不是数字"
        assert spoken("is not a number") == "is not a number"
        assert spoken(said("")) == ""


def test_a_text_with_a_percent_sign_and_no_values_is_left_alone() -> None:
    assert said("100% sure") == "100% sure"


def test_a_text_survives_being_pickled() -> None:
    again = pickle.loads(pickle.dumps(said("has %(count)s characters", count=300)))
    with override("zh-hans"):
        assert (again, spoken(again)) == ("has 300 characters", "有 300 个字符")


def test_an_error_is_english_for_logs_and_commands_whatever_the_language() -> None:
    with override("zh-hans"), pytest.raises(InvalidInput) as refused:
        CrontabTrigger("61 * * * *")
    assert str(refused.value) == "crontab: '61 * * * *' has '61' in its minute. It takes 0 to 59."


def test_a_page_says_it_in_its_readers_language() -> None:
    with pytest.raises(InvalidInput) as refused:
        CrontabTrigger("61 * * * *")
    assert sentence(refused.value) == "'61 * * * *' has '61' in its minute. It takes 0 to 59."
    with override("zh-hans"):
        assert sentence(refused.value) == "'61 * * * *' 的“分”字段中有 '61'。可接受：0 到 59。"
        assert explained(refused.value) == "crontab：'61 * * * *' 的“分”字段中有 '61'。可接受：0 到 59。"


@pytest.mark.parametrize(
    ("error", "chinese"),
    [
        (DuplicateJob("a"), "id：'a' 已被另一个作业使用。请换一个 ID，或用 replace_existing=True 替换该作业。"),
        (JobNotFound("a"), "id：'a' 没有对应的作业。`manage.py jobs list` 会列出 ID。"),
        (StaleJob("a"), "作业 'a' 在此期间已被修改。请重新读取后再决定。"),
        (NotAllowed("said by somebody else"), "said by somebody else"),
        (ValueError(), ""),
    ],
)
def test_errors_of_all_kinds_are_explained(error: Exception, chinese: str) -> None:
    with override("zh-hans"):
        assert explained(error) == chinese


def test_an_interval_that_is_no_number_is_refused_in_chinese() -> None:
    with pytest.raises(InvalidInput) as refused:
        IntervalTrigger(seconds="soon")
    assert "is not a number" in str(refused.value)
    with override("zh-hans"):
        assert sentence(refused.value).startswith("'soon' 不是数字。可接受 0 到 1e+12 的数字。")
