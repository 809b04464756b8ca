"""The project's addresses; used in the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from project.views import healthz, icon

admin.site.site_header = "Tickwork"
admin.site.site_title = "Tickwork"
admin.site.index_title = "Jobs, runs and processes"

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("healthz", healthz, name="healthz"),
    path("favicon.ico", icon),
]
