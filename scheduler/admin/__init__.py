"""The scheduler's pages in Django's admin; the web process imports this when the admin looks for its models."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django_apscheduler.models import DjangoJob, DjangoJobExecution

from ..models import BulkAction, RetentionRule, ScheduledTask, ServiceProcess, TaskRun
from . import dashboard
from .bulk import BulkAdmin
from .jobs import JobAdmin
from .processes import ProcessAdmin
from .retention import RetentionAdmin
from .runs import RunAdmin

__all__ = ["BulkAdmin", "JobAdmin", "ProcessAdmin", "RetentionAdmin", "RunAdmin"]


def take_over(site: admin.AdminSite) -> None:
    """Register our pages with `site`, make the dashboard the app's page, and take the library's pages off it.

    The library's "run now" runs the job inside the web process, and its list fails on words that it doesn't know.
    Its admin is imported first, so that whichever app stands earlier in INSTALLED_APPS, it can't register afterwards.
    """
    if apps.is_installed("django_apscheduler"):
        import_module("django_apscheduler.admin")
    for theirs in (DjangoJob, DjangoJobExecution):
        if site.is_registered(theirs):
            site.unregister(theirs)
    pages: dict[type[Model], type[admin.ModelAdmin[Any]]]
    pages = {ScheduledTask: JobAdmin, TaskRun: RunAdmin, ServiceProcess: ProcessAdmin, BulkAction: BulkAdmin,
             RetentionRule: RetentionAdmin}  # fmt: skip
    for model, ours in pages.items():
        if not site.is_registered(model):
            site.register(model, ours)
    dashboard.put_on(site)


take_over(admin.site)
