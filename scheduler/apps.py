"""The Django app: checks and, where settings ask for it, the embedded scheduler."""

from django.apps import AppConfig
from django.db.models import signals
from django.utils.translation import gettext_lazy as _

from .exceptions import InvalidSetting


class SchedulerConfig(AppConfig):
    name = "scheduler"
    verbose_name = _("Scheduler")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import checks, conf, groups  # noqa: F401, registers them

        signals.post_migrate.connect(groups.make_groups, sender=self)

        try:
            embedded_wanted = conf.get("EMBEDDED")
        except InvalidSetting:
            return  # the check says so, in one line
        if embedded_wanted:
            from . import embedded

            embedded.install()
