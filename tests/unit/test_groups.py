"""The two ready groups, made by `migrate`."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management.sql import emit_post_migrate_signal
from django.db import DEFAULT_DB_ALIAS

from scheduler.groups import GROUPS

pytestmark = pytest.mark.django_db


def migrate() -> None:
    emit_post_migrate_signal(verbosity=0, interactive=False, db=DEFAULT_DB_ALIAS)


@pytest.mark.parametrize("name", GROUPS)
def test_each_group_is_there_with_every_permission_that_it_names(name: str) -> None:
    migrate()
    held = Group.objects.get(name=name).permissions.values_list("codename", flat=True)
    assert sorted(held) == sorted(GROUPS[name])


def test_a_group_that_exists_is_left_as_its_owner_changed_it() -> None:
    migrate()
    group = Group.objects.get(name="Scheduler operators")
    group.permissions.remove(Permission.objects.get(codename="cancel_run"))
    migrate()
    assert not group.permissions.filter(codename="cancel_run").exists()


def test_viewers_change_nothing() -> None:
    migrate()
    held = Group.objects.get(name="Scheduler viewers").permissions.values_list("codename", flat=True)
    assert all(codename.startswith("view_") for codename in held)
    assert not {"view_arguments", "view_logs"} & set(held)
