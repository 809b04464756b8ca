"""The project's addresses; used in the web process."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from django.utils.translation import gettext_lazy as _
from django.views.generic import RedirectView

from project.views import healthz, icon

admin.site.site_header = "Tickwork"
admin.site.site_title = "Tickwork"
admin.site.index_title = _("Jobs, runs and processes")

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    path("admin/", admin.site.urls),
    path("i18n/", include("django.conf.urls.i18n")),
    path("healthz", healthz, name="healthz"),
    path("favicon.ico", icon),
]
