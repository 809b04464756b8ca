"""The library's admins are gone, whichever app is first in INSTALLED_APPS."""

from __future__ import annotations

import os
import subprocess
import sys
from itertools import permutations

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from scheduler.admin import JobAdmin, take_over
from scheduler.models import ScheduledTask

PROGRAM = """
import django
from django.conf import settings
settings.configure(
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.messages", *{apps!r}],
    DATABASES={{"default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}}},
    SECRET_KEY="x", USE_TZ=True,
)
django.setup()
from django.contrib import admin
print(*sorted(m.__name__ for m in admin.site._registry if "scheduler" in m._meta.app_label))
"""


@pytest.mark.parametrize(
    "apps", [list(p) for p in permutations(["django.contrib.admin", "django_apscheduler", "scheduler"])]
)
def test_only_our_pages_are_registered_in_any_order_of_the_apps(apps: list[str]) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(apps=apps)], env=environment, capture_output=True, text=True, check=False
    )
    ours = ["BulkAction", "RetentionRule", "ScheduledTask", "ServiceProcess", "TaskRun"]
    assert done.stdout.split() == ours, done.stderr


def test_a_project_may_register_pages_of_its_own_for_our_models() -> None:
    class Theirs(admin.ModelAdmin):
        pass

    site = admin.AdminSite()
    site.register(ScheduledTask, Theirs)
    take_over(site)
    assert isinstance(site.get_model_admin(ScheduledTask), Theirs)


def test_taking_over_twice_changes_nothing_and_touches_no_other_model() -> None:
    site = admin.AdminSite()
    site.register([User, DjangoJob, DjangoJobExecution])
    take_over(site)
    take_over(site)
    assert isinstance(site.get_model_admin(ScheduledTask), JobAdmin)
    assert site.is_registered(User) and not site.is_registered(DjangoJob)
