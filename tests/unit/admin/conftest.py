"""People with the permissions that a test names."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from django.test import Client

from scheduler.groups import OPERATOR, VIEWER


@pytest.fixture(autouse=True)
def forgetful() -> None:
    """Forget what pages of earlier tests have remembered for some seconds."""
    cache.clear()


@pytest.fixture
def login(db: None) -> Callable[..., Client]:
    """Return a function that logs in a member of staff who has exactly the permissions named, besides viewing."""

    def log_in(*codenames: str, view: bool = True) -> Client:
        user = User.objects.create_user(f"user-{User.objects.count()}", is_staff=True)
        names = [*codenames, *(VIEWER if view else ())]
        user.user_permissions.set(Permission.objects.filter(content_type__app_label="scheduler", codename__in=names))
        client = Client(enforce_csrf_checks=False)
        client.force_login(user)
        return client

    return log_in


@pytest.fixture
def boss(login: Callable[..., Client]) -> Client:
    """Somebody who may do everything."""
    return login(*OPERATOR, "delete_scheduledtask")


@pytest.fixture
def editor(login: Callable[..., Client]) -> Client:
    """Somebody who may add and change jobs, and see what they are given."""
    return login("add_scheduledtask", "change_scheduledtask", "view_arguments")
