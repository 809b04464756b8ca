"""Settings of the example project, all from environment variables (.env.example lists them); read in all processes."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from project import addresses, environment
from scheduler.dev.kept import BROKER_FILE
from scheduler.exceptions import InvalidSetting

BASE_DIR = Path(__file__).resolve().parent.parent

try:
    VAR_DIR = (BASE_DIR / environment.text(os.environ, "VAR_DIR", "var")).resolve()
    DEBUG = environment.boolean(os.environ, "DEBUG", False)
    SECRET_KEY = environment.secret_key(os.environ, VAR_DIR, DEBUG)
    # HTTPS only. On where a SECRET_KEY was given; a trial is served by plain HTTP on this machine.
    SECURE = environment.boolean(os.environ, "SECURE", bool(environment.text(os.environ, "SECRET_KEY")) and not DEBUG)
    BEHIND_PROXY = environment.boolean(os.environ, "BEHIND_PROXY", False)
    ALLOWED_HOSTS = environment.allowed_hosts(os.environ)
    CSRF_TRUSTED_ORIGINS = environment.names(os.environ, "CSRF_TRUSTED_ORIGINS")
    TIME_ZONE = environment.time_zone(os.environ)
    PORT = environment.whole(os.environ, "PORT", 8000, 1, 65535)
    DATABASES = {"default": addresses.database(os.environ, BASE_DIR, VAR_DIR / "db.sqlite3")}
    CELERY_BROKER_URL = addresses.broker(os.environ, VAR_DIR)
    STATIC_DIR = environment.text(os.environ, "STATIC_ROOT")
    LOG_LEVEL = environment.choice(os.environ, "LOG_LEVEL", ["INFO", "DEBUG", "WARNING", "ERROR"])
    vars().update(addresses.email(os.environ))
except InvalidSetting as error:
    # One line instead of a traceback, whoever reads the settings: manage.py, Celery, a web server.
    print(f"Error: {error}", file=sys.stderr)
    raise SystemExit(2) from None

DEFAULT_FROM_EMAIL = environment.text(os.environ, "DEFAULT_FROM_EMAIL", "tickwork@localhost")

# Where `manage.py dev` writes the address of the broker that it starts; None if BROKER_URL names another one.
EMBEDDED_BROKER_FILE = None if environment.text(os.environ, "BROKER_URL") else VAR_DIR / BROKER_FILE

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_apscheduler",
    "scheduler",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "project.middleware.ContentSecurityPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
WSGI_APPLICATION = "project.wsgi.application"
ASGI_APPLICATION = "project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "Simplified Chinese")]
LOCALE_PATHS = [BASE_DIR / "project" / "locale"]
USE_TZ = True

# Static files: with STATIC_ROOT as `collectstatic` has written them there, without it from where they are.
STATIC_URL = "static/"
STATIC_ROOT = STATIC_DIR or None
WHITENOISE_USE_FINDERS = not STATIC_DIR
WHITENOISE_AUTOREFRESH = DEBUG
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if STATIC_DIR
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}

# Security
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = SECURE
SECURE_REDIRECT_EXEMPT = [r"^healthz$"]
SECURE_HSTS_SECONDS = environment.HSTS_SECONDS if SECURE else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if BEHIND_PROXY else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# W021 asks for browsers' built-in preload list: only the owner of the whole domain can decide on that.
SILENCED_SYSTEM_CHECKS = ["security.W021"]

# Celery. The broker is transport, the database is the truth: no result backend, early acknowledgement, and every
# socket with a time limit, for a stalled broker must never block a web request or the engine.
# Without retries (retry_on_timeout) of the client's own: after a lost connection they reconnect in the midst of a
# worker's event loop and wait there for a message that never comes; Celery reconnects by itself.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "socket_timeout": 10,
    "socket_connect_timeout": 5,
    "socket_keepalive": True,
    "health_check_interval": 10,
}
CELERY_BROKER_CONNECTION_TIMEOUT = 5
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_CHANNEL_ERROR_RETRY = True
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = False
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_REDIRECT_STDOUTS_LEVEL = "INFO"
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_ENABLE_UTC = True

# The scheduler's own settings; scheduler/conf.py says what each means.
SCHEDULER: dict[str, Any] = {
    "BROKER_COMMAND": environment.text(os.environ, "BROKER_COMMAND"),
    "BACKUP_DIR": str(VAR_DIR / "backups"),
    "REPORT_DIR": str(VAR_DIR / "reports"),
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"format": "{asctime} {levelname:<7} {name}: {message}", "style": "{", "datefmt": "%Y-%m-%d %H:%M:%S"}
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        "django.server": {"handlers": ["console"], "level": "INFO", "propagate": False},
    },
}
