"""The list of every model of the app: only our filters narrow it, and it can be exported; web process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.forms import CheckboxInput
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import override

from . import exporting
from .live import live
from .once import new_token
from .text import harmless
from .zones import in_viewers_zone

M = TypeVar("M", bound=Model)

if TYPE_CHECKING:
    _ModelAdmin = admin.ModelAdmin
else:  # ModelAdmin takes no type argument when it runs

    class _ModelAdmin(admin.ModelAdmin, Generic[M]):
        pass


class ListAdmin(_ModelAdmin[M]):
    """A list that shows, acts and exports; `ConsoleAdmin` adds the page of each object."""

    nav_page: ClassVar[str] = ""
    """Where the console's navigation stands."""
    export_columns: ClassVar[tuple[str, ...]] = ()
    """What a file of the list has of each object; a list without can't be exported."""
    confidential_columns: ClassVar[tuple[str, ...]] = ("args", "kwargs", "result")
    """Those that only they get who may see arguments."""
    list_display_links = None
    empty_value_display = "–"
    list_per_page = 50
    list_max_show_all = 0
    show_facets = admin.ShowFacets.NEVER  # each facet would be a count over the whole table
    actions_on_top = True

    class Media:
        css = {"all": ["scheduler/admin.css", "scheduler/charts.css"]}

    def has_add_permission(self, request: HttpRequest, *unused: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: M | None = None) -> bool:
        return False

    def may(self, request: HttpRequest, codename: str) -> bool:
        """Whether the user has this permission of the app."""
        return bool(request.user.has_perm(f"{self.opts.app_label}.{codename}"))

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """Only what the filters know: others would scan tables, and tell by trial what hidden columns hold."""
        filters: Any = self.list_filter
        return any(lookup in (each.parameter_name, *each.more_parameters) for each in filters)

    @in_viewers_zone
    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        kind = request.GET.get(exporting.PARAMETER)
        if self.export_columns and kind in exporting.FORMATS:
            file: HttpResponse = self._export(request, kind)
            return file
        name, asked = self.opts.model_name, request.POST.get("action")
        if asked in (self.actions or ()) and asked not in self.get_actions(request):
            raise PermissionDenied  # Django would show the list as if nothing had been asked for
        if is_across(request) and ACTION_CHECKBOX_NAME not in request.POST:
            told = request.POST.copy()
            told[ACTION_CHECKBOX_NAME] = "all"  # Django wants something to be ticked
            request.POST = told  # type: ignore[assignment]
        context = {
            "title": str(self.opts.verbose_name_plural).capitalize(),
            "empty_template": f"admin/scheduler/{name}/empty.html",
            "nav_page": self.nav_page,
            "token": new_token(),
            "exports": exporting.links(request) if self.export_columns else [],
            **(extra_context or {}),
        }
        response = super().changelist_view(request, context)
        return live(request, response, "admin/scheduler/live_list.html")

    def export_documents(self, changelist: ChangeList) -> Iterable[exporting.Document]:
        """Return all that a list holds, on whatever page, as documents."""
        raise NotImplementedError

    def _export(self, request: HttpRequest, kind: str) -> Any:
        """Return a list as a file; Any, because a streamed answer is no HttpResponse."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        told = request.GET.copy()
        del told[exporting.PARAMETER]
        request.GET = told  # type: ignore[assignment]
        try:
            changelist = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(request.path)
        hidden = () if self.may(request, "view_arguments") else self.confidential_columns
        columns = [column for column in self.export_columns if column not in hidden]
        with override(None):  # a file's name keeps to ASCII
            name = str(self.opts.verbose_name_plural)
        return exporting.as_file(request, name, kind, columns, self.export_documents(changelist))

    def response_action(  # type: ignore[override]
        self, request: HttpRequest, queryset: QuerySet[M], **more: Any
    ) -> HttpResponseBase | None:
        """Refuse a selection that no browser makes. `more` is what Django 6.1 passes besides (`action_location`)."""
        if any("\x00" in key for key in request.POST.getlist(ACTION_CHECKBOX_NAME)):
            self._refuse_selection(request)
            return None
        try:
            return super().response_action(request, queryset, **more)
        except ValidationError:  # text that is no UUID
            self._refuse_selection(request)
            return None

    def _refuse_selection(self, request: HttpRequest) -> None:
        text = _("The selection holds an id that no %s can have. Nothing was changed.") % self.opts.verbose_name
        self.message_user(request, text, messages.ERROR)

    @admin.display(description="")
    def action_checkbox(self, obj: M) -> SafeString:
        label = _("Select this object for an action - {}").format(harmless(obj))
        box = CheckboxInput({"class": "action-select", "aria-label": label}, lambda value: False)
        return box.render(ACTION_CHECKBOX_NAME, str(obj.pk))


def is_across(request: HttpRequest) -> bool:
    """Whether an action is meant for all that match, and not for a selection."""
    return request.POST.get("select_across") == "1"
