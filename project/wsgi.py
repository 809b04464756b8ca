"""The web process's entry for WSGI servers (gunicorn)."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
try:
    application = get_wsgi_application()
except SystemExit:
    # The settings were refused. 3 tells gunicorn to give up instead of starting the next worker, and the next.
    raise SystemExit(3) from None
