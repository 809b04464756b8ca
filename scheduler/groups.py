"""Two ready groups of people, viewers and operators, made once, when the tables are; `manage.py migrate`."""

from __future__ import annotations

from typing import Any

from django.apps import apps

VIEWER = (
    "view_scheduledtask", "view_taskrun", "view_serviceprocess", "view_bulkaction", "view_retentionrule",
)  # fmt: skip
OPERATOR = (*VIEWER, "view_arguments", "view_logs", "run_job", "run_job_with_arguments", "pause_job", "cancel_run")
GROUPS = {"Scheduler viewers": VIEWER, "Scheduler operators": OPERATOR}


def make_groups(using: str, **_: Any) -> None:
    """Make each group that does not exist yet, with its permissions. One that exists is its owner's to change."""
    if not apps.is_installed("django.contrib.auth"):
        return
    from django.contrib.auth.management import create_permissions
    from django.contrib.auth.models import Group, Permission

    create_permissions(apps.get_app_config("scheduler"), verbosity=0, using=using)  # its own signal may come later
    for name, codenames in GROUPS.items():
        group, is_new = Group.objects.using(using).get_or_create(name=name)
        if is_new:
            mine = Permission.objects.using(using).filter(content_type__app_label="scheduler", codename__in=codenames)
            group.permissions.set(mine)
