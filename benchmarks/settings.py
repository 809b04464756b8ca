"""The project's settings with the benchmarks' own tasks."""

from __future__ import annotations

from project.settings import *  # noqa: F403

CELERY_IMPORTS = ["benchmarks.tasks"]
