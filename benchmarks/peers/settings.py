"""Django's settings of the peers' programs: a database of their own on the same server."""

from __future__ import annotations

import os
from typing import Any
from urllib.parse import urlsplit

_address = urlsplit(os.environ["PEERS_DATABASE"])

SECRET_KEY = "only for measurements"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django_apscheduler",
    "django_celery_beat",
    "django_celery_results",
]
DATABASES: dict[str, dict[str, Any]]
if _address.scheme == "sqlite":
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": _address.path,
            "OPTIONS": {
                "timeout": 20,
                "transaction_mode": "IMMEDIATE",
                "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
            },
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": _address.path.lstrip("/"),
            "USER": _address.username,
            "HOST": _address.hostname,
            "PORT": _address.port,
        }
    }
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
USE_TZ = True
TIME_ZONE = "UTC"
LOGGING = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
    "loggers": {"apscheduler.scheduler": {"level": "INFO"}},
}
