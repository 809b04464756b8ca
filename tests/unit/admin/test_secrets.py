"""The pages of a job and of its run show no secrets."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from scheduler import add_job, run_job
from scheduler.models import TaskRun


@pytest.mark.parametrize("page", ["scheduledtask", "taskrun"])
def test_secret_arguments_are_masked(login: Callable[..., Client], page: str) -> None:
    add_job("tests.app.tasks.log_in", "interval", hours=1, id="login", args=["anna", "hunter2"])
    run = run_job("login", kwargs={"options": {"api_key": "k3y"}})
    TaskRun.objects.filter(id=run.id).update(result={"session_token": "s3ss"})
    key = run.id if page == "taskrun" else "login"
    response = login("view_arguments").get(reverse(f"admin:scheduler_{page}_change", args=[key]))
    html = response.content.decode()
    assert response.status_code == 200
    assert "anna" in html and "*****" in html
    assert not [secret for secret in ("hunter2", "k3y", "s3ss") if secret in html]
