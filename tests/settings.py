"""Settings of the tests and of the processes that they start: the project's, with short times and a test app.

conftest.py puts DATABASE_URL, BROKER_URL and VAR_DIR into the environment before this is read; processes inherit them.
"""

from __future__ import annotations

import json
import os

from project.settings import *  # noqa: F403
from project.settings import CELERY_BROKER_TRANSPORT_OPTIONS, DATABASES, INSTALLED_APPS, LOGGING, MIDDLEWARE, SCHEDULER

INSTALLED_APPS = [*INSTALLED_APPS, "tests.app"]
MIDDLEWARE = ["tests.app.strict_policy.StrictPolicyMiddleware", *MIDDLEWARE]
CELERY_IMPORTS = ["tests.app.fault_tasks", "tests.app.typed_tasks"]
CELERY_BROKER_TRANSPORT_OPTIONS = {
    **CELERY_BROKER_TRANSPORT_OPTIONS,
    **json.loads(os.environ.get("TEST_BROKER_OPTIONS", "{}")),
}
CELERY_WORKER_REDIRECT_STDOUTS = os.environ.get("TEST_REDIRECT", "yes") == "yes"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

# The test database is the database: processes find it at the same DATABASE_URL.
DATABASES["default"]["TEST"] = {"NAME": DATABASES["default"]["NAME"]}

# Which process said it: a worker's pool processes write into its log.
LOGGING["formatters"]["line"]["format"] = "{asctime} {levelname:<7} {process} {name}: {message}"

SCHEDULER = {
    **SCHEDULER,
    "HEARTBEAT_INTERVAL": 0.5,
    "LOST_AFTER": 4.0,
    "RECOVERY_INTERVAL": 1.0,
    "REPUBLISH_AFTER": 2.0,
    "CANCEL_GRACE": 1.5,
    "MAX_ATTEMPTS": 2,
    "BROKER_TIMEOUT": 2.0,
    **json.loads(os.environ.get("TEST_SCHEDULER", "{}")),
}
