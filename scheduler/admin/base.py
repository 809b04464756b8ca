"""What our admin pages share: they show and act, and nothing is edited or deleted by hand; web process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TypeVar
from uuid import UUID

from django.contrib import messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import clock
from ..exceptions import SchedulerError
from . import history, nav
from .lists import ListAdmin, M
from .live import live
from .once import new_token
from .text import explained, harmless
from .zones import in_viewers_zone

Done = TypeVar("Done")
MOST_REFUSALS_SHOWN = 10
ENTRIES_ON_A_PAGE = 100


class ConsoleAdmin(ListAdmin[M]):
    """A list and a page for each object, with actions that one function of `jobs` or `runs` carries out."""

    live_template: ClassVar[str] = ""
    """What the page of one object shows; it is also what the open page fetches to stay fresh."""
    page_actions: ClassVar[tuple[str, ...]] = ()
    page_template: ClassVar[str] = "admin/scheduler/page.html"

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> M | None:
        if "\x00" in object_id:  # PostgreSQL raises on it
            return None
        return super().get_object(request, object_id, from_field)

    # -- the page of one object ----------------------------------------------------------------------------------------

    def page_context(self, request: HttpRequest, found: M) -> dict[str, Any]:
        """Return what the page of one object shows besides its title and buttons."""
        raise NotImplementedError

    @in_viewers_zone
    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self._seen(request, object_id)
        if found is None:
            return self.gone(request, unquote(object_id))
        if request.method == "POST":
            return self._act(request, found)
        allowed = self.get_actions(request)
        context = {
            **self.frame(request, harmless(found)),
            "original": found,
            "media": self.media,
            "allowed": [name for name in self.page_actions if name in allowed],
            "history_url": self.url_of(found.pk, "history"),
            "live_template": self.live_template,
            "token": new_token(),
            **self.page_context(request, found),
            **(extra_context or {}),
        }
        response = TemplateResponse(request, self.page_template, context)
        return live(request, response, self.live_template)

    @in_viewers_zone
    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        found = self._seen(request, object_id)
        if found is None:
            return self.gone(request, unquote(object_id))
        done = history.entries(self.model, object_id=str(found.pk))
        page = self.get_paginator(request, done, ENTRIES_ON_A_PAGE).get_page(request.GET.get("p"))
        name = harmless(found)
        context = {
            **self.frame(request, _("History of %s") % name),
            "object_name": name,
            "object_url": self.url_of(found.pk),
            "page": page,
            "changes": history.as_rows(page, clock.now(), with_arguments=self.may(request, "view_arguments")),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/scheduler/object_history.html", context)

    def _seen(self, request: HttpRequest, object_id: str) -> M | None:
        """Return the object of a page, if there is one. :raises PermissionDenied: to whoever may not see it"""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return self.get_object(request, unquote(object_id))

    def frame(self, request: HttpRequest, title: str) -> dict[str, Any]:
        """Return what frame.html needs around a page of this model."""
        request.current_app = self.admin_site.name
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": title,
            "nav_page": self.nav_page,
            "list_url": self.list_url(),
        }

    def gone(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that there is no object of this id, and go to the list."""
        text = _("There is no %(what)s “%(id)s”. It may have been deleted.")
        shown = harmless(object_id)
        self.message_user(
            request,
            text % {"what": self.opts.verbose_name, "id": shown if len(shown) < 80 else shown[:79] + "…"},
            messages.WARNING,
        )
        return HttpResponseRedirect(self.list_url())

    def _act(self, request: HttpRequest, found: M) -> HttpResponse:
        name = request.POST.get("action", "")
        if name not in self.page_actions:
            self.message_user(request, _("Nothing was done: no such action."), messages.ERROR)
            return HttpResponseRedirect(request.path)
        allowed: Any = self.get_actions(request).get(name)  # a tuple up to Django 6.0, a class of its own from 6.1 on
        if allowed is None:
            raise PermissionDenied
        act: Callable[..., Any] = allowed.func if hasattr(allowed, "func") else allowed[0]
        return act(self, request, self.get_queryset(request).filter(pk=found.pk)) or HttpResponseRedirect(request.path)

    # -- acting --------------------------------------------------------------------------------------------------------

    def each(
        self,
        request: HttpRequest,
        objects: Iterable[M],
        act: Callable[[M], Done],
        *,
        record: str | Callable[[M, Done], Any],
    ) -> tuple[list[Done], int]:
        """Do `act` to each of `objects`; tell the user which were refused and why, and go on with the others.

        :param record: what the history of each object says that was done to it, or a function that tells it of the
            object as it was and of what `act` returned
        :return: what `act` returned for those that it was done to, and how many were refused
        """
        done: list[Done] = []
        refused: list[SafeString] = []
        for found in objects:
            try:
                done.append(act(found))
            except SchedulerError as error:
                refused.append(format_html("<strong>{}</strong>: {}", harmless(found), explained(error)))
            else:
                self.log_change(request, found, record if isinstance(record, str) else record(found, done[-1]))
        for text in refused[:MOST_REFUSALS_SHOWN]:
            self.message_user(request, text, messages.ERROR)
        more = len(refused) - MOST_REFUSALS_SHOWN
        if more > 0:
            rest = ngettext("%s more was refused.", "%s more were refused.", more) % f"{more:,}"
            self.message_user(request, rest, messages.ERROR)
        return done, len(refused)

    def list_url(self, of: type[Model] | None = None) -> str:
        """Return the address of the list of this model, or of another of the app."""
        opts = (of or self.model)._meta
        return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist", current_app=self.admin_site.name)

    def url_of(self, key: str | UUID, view: str = "change", of: type[Model] | None = None) -> str:
        """Return the address of the page of an object of this model, or of another of the app."""
        opts = (of or self.model)._meta
        return reverse(
            f"admin:{opts.app_label}_{opts.model_name}_{view}", args=[quote(key)], current_app=self.admin_site.name
        )

    def may_view(self, request: HttpRequest, model: type[Model]) -> bool:
        """Whether the user may open the pages of another model of the app."""
        return nav.may_view(request, str(model._meta.model_name))


def asked_by(request: HttpRequest) -> str:
    """Return the name under which an action of this request is recorded."""
    return str(request.user.get_username())
