"""System checks: mistakes in a project's settings that would show late or never; run by Django's commands."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from celery import current_app
from django.apps import AppConfig, apps
from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register
from django.db import connections

from . import conf
from .exceptions import InvalidSetting

SUPPORTED_DATABASES = ("postgresql", "sqlite")


@register()
def check_settings(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.E001: `SCHEDULER` has an unknown key or a wrong value."""
    try:
        conf.validate(getattr(settings, "SCHEDULER", {}))
    except InvalidSetting as error:
        return [Error(f"{error.field}: {error.value!r} {error.problem}.", hint=error.mend, id="scheduler.E001")]
    return []


@register()
def check_installed_apps(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.E002: the app whose tables hold jobs and executions is missing."""
    if apps.is_installed("django_apscheduler"):
        return []
    return [
        Error(
            "django_apscheduler is not in INSTALLED_APPS.",
            hint='Add "django_apscheduler" next to "scheduler": its tables hold the jobs.',
            id="scheduler.E002",
        )
    ]


@register()
def check_time_zones(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.E003: without USE_TZ an hour of each year exists twice, and its firings with it."""
    if settings.USE_TZ:
        return []
    return [Error("USE_TZ is False.", hint="Set USE_TZ = True: a firing is one instant in UTC.", id="scheduler.E003")]


@register()
def check_celery_app(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.E004: tasks would run untracked, and their runs stay queued for ever."""
    names = {f"{base.__module__}.{base.__qualname__}" for base in current_app.Task.__mro__}
    if any(name.startswith("scheduler.worker") and name.endswith(".TrackedTask") for name in names):
        return []
    return [
        Error(
            f"The Celery app {current_app.main or 'default'!r} does not track its tasks.",
            hint='Make it with Celery(…, task_cls="scheduler.worker:TrackedTask"), '
            "and import it in the __init__.py of the project's package.",
            id="scheduler.E004",
        )
    ]


@register()
def check_database(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.E005: a kind of database on which claiming due jobs is not tried. Opens no connection."""
    vendor = connections["default"].vendor
    if vendor in SUPPORTED_DATABASES:
        return []
    return [
        Error(
            f"The database is {vendor}, on which Tickwork is not tried.",
            hint="Use PostgreSQL, or SQLite on one machine.",
            id="scheduler.E005",
        )
    ]


@register()
def check_broker_options(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.W006: a worker whose Redis connection times out would wait for ever inside its event loop."""
    if not (current_app.conf.broker_transport_options or {}).get("retry_on_timeout"):
        return []
    return [
        Warning(
            "Celery's broker_transport_options have retry_on_timeout on.",
            hint="Leave it out: redis-py then reconnects inside the worker's event loop, which can freeze the worker.",
            id="scheduler.W006",
        )
    ]


@register()
def check_broker(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """scheduler.W007: without an address Celery looks for a RabbitMQ on this machine, which is hardly ever meant."""
    if current_app.conf.broker_write_url:
        return []
    return [
        Warning(
            "Celery's broker_url is not set, so messages go to amqp://guest@localhost.",
            hint='Set CELERY_BROKER_URL, such as "redis://localhost:6379/0" '
            '(broker_url, where the Celery app reads its settings without namespace="CELERY").',
            id="scheduler.W007",
        )
    ]
