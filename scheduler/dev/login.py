"""The first admin login of a trial; made by `manage.py dev` and, with docker compose, by the one-shot migrate."""

from __future__ import annotations

import os
import secrets

from django.contrib.auth import get_user_model

USERNAME = "admin"


def ensure_login() -> str:
    """Make a superuser with a random password if there is no superuser; return a line to print.

    `DJANGO_SUPERUSER_USERNAME`, `DJANGO_SUPERUSER_PASSWORD` and `DJANGO_SUPERUSER_EMAIL` count, as with
    Django's `createsuperuser --no-input`.
    """
    users = get_user_model()._default_manager
    known = users.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if known is not None:
        name = known.get_username()
        return f"Login: {name} (as before; `manage.py changepassword {name}` sets a new password)"
    name = os.environ.get("DJANGO_SUPERUSER_USERNAME") or USERNAME
    given = os.environ.get("DJANGO_SUPERUSER_PASSWORD")
    password = given or secrets.token_urlsafe(12)
    users.create_superuser(username=name, email=os.environ.get("DJANGO_SUPERUSER_EMAIL", ""), password=password)
    return f"Login: {name}, password: {'as given' if given else password + ' (shown only this once)'}"
