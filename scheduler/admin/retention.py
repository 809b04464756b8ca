"""How long runs and logs are kept: the rules in force, and the forms that set one and take it away; web process."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from .. import clock
from ..exceptions import InvalidInput
from ..models import TERMINAL, RetentionRule, TaskRun
from ..retention import OTHERS, Rule, by_settings, drop_rule, last_sweep, rules, set_rule
from . import retention_words as words
from .badges import badge
from .base import ConsoleAdmin
from .live import live
from .text import sentence
from .times import ago
from .zones import in_viewers_zone

LIVE = "admin/scheduler/retentionrule/rules_live.html"
OTHERS_PATH = "others"
"""Stands in addresses for all states without a rule of their own."""


class RuleForm(forms.Form):
    """The values of a rule, and those that its reader saw; `retention.set_rule` says what it may hold."""

    days = forms.FloatField(label=words.LABELS["days"], help_text=gettext_lazy("36500, a century, keeps everything."))
    keep = forms.IntegerField(
        label=words.LABELS["keep"],
        help_text=gettext_lazy(
            "So many newest runs of a job stay, however old. The rule of one state counts those that ended in it alone."
        ),
    )
    log_days = forms.FloatField(label=words.LABELS["log_days"], help_text=gettext_lazy("A log goes with its run."))
    seen = forms.CharField(required=False, widget=forms.HiddenInput)


class RetentionAdmin(ConsoleAdmin[RetentionRule]):
    """One page of all rules. Setting one needs the right to change rules, taking it away the right to delete them."""

    nav_page = "retention"

    def get_urls(self) -> list[URLPattern]:
        def page(view: Any) -> Any:
            return self.admin_site.admin_view(in_viewers_zone(partial(view, self)))

        return [
            path("", page(RetentionAdmin.overview), name="scheduler_retentionrule_changelist"),
            path("<int:pk>/change/", page(RetentionAdmin.from_log), name="scheduler_retentionrule_change"),
            path("<slug:word>/set/", page(RetentionAdmin.change), name="scheduler_retentionrule_set"),
            path("<slug:word>/drop/", page(RetentionAdmin.drop), name="scheduler_retentionrule_drop"),
        ]

    def overview(self, request: HttpRequest) -> HttpResponse:
        """Show the rules in force, what the engine has done by them, and who changed them."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        now, found = clock.now(), rules()
        oldest = TaskRun.objects.order_by("scheduled_at").values_list("scheduled_at", flat=True).first()
        sweep = last_sweep()
        context = {
            **self.frame(request, _("Retention")),
            "live_template": LIVE,
            "others": self._row(request, OTHERS, found[OTHERS]),
            "rules": [self._row(request, str(state), found[state]) for state in TERMINAL],
            "oldest": ago(oldest, now) if oldest else "",
            "sweep": sweep,
            "ended": ago(sweep.ended_at, now) if sweep.ended_at else "",
            "next": ago(sweep.next_at, now) if sweep.next_at and sweep.next_at > now else "",
            "changes": words.changes(now),
        }
        return live(request, TemplateResponse(request, "admin/scheduler/retentionrule/rules.html", context), LIVE)

    def from_log(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Lead from the admin's log of actions, which knows a rule by its key, to the rules."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return HttpResponseRedirect(self.list_url())

    def change(self, request: HttpRequest, word: str) -> HttpResponse:
        """Show the form of a rule; set it with what was sent, unless somebody else has changed it meanwhile."""
        if not self.may(request, "change_retentionrule"):
            raise PermissionDenied
        state = _state_of(word)
        before = rules()[state]
        seen = json.dumps(words.values(before))
        form = RuleForm(request.POST or None, initial={**words.values(before), "seen": seen})
        if request.method == "POST" and form.is_valid():
            if form.cleaned_data["seen"] == seen:
                if self._set(request, state, before, form):
                    return HttpResponseRedirect(self.list_url())
            else:
                text = _(
                    "Somebody changed this rule after you opened it, and nothing was saved."
                    " It says now: runs %(runs)s, logs %(logs)s. Save again to put yours in its place."
                )
                form.add_error(None, text % {"runs": words.runs_kept(before, state), "logs": words.logs_kept(before)})
                form.data = {**request.POST.dict(), "seen": seen}
        context = {
            **self.frame(request, _("Retention: %s") % words.name_of(state)),
            "form": form,
            "now_kept": words.runs_kept(before, state),
        }
        return TemplateResponse(request, "admin/scheduler/retentionrule/set.html", context)

    def _set(self, request: HttpRequest, state: str, before: Rule, form: RuleForm) -> bool:
        values = {name: form.cleaned_data[name] for name in words.LABELS}
        try:
            row = set_rule(state, **values)
        except InvalidInput as error:
            form.add_error(error.field, sentence(error))
            return False
        after = rules()[state]
        if after != before:
            self.log_change(request, row, words.message(before, after))
        text = _("Saved. From now on such runs are kept %s.") % words.runs_kept(after, state)
        self.message_user(request, text, messages.SUCCESS)
        return True

    def drop(self, request: HttpRequest, word: str) -> HttpResponse:
        """Ask whether to take a rule away, saying what holds then; do so when that is confirmed."""
        if not self.may(request, "delete_retentionrule"):
            raise PermissionDenied
        state = _state_of(word)
        row = RetentionRule.objects.filter(state=state).first()
        if row is None:
            self.message_user(request, _("There is no such rule any more."), messages.WARNING)
            return HttpResponseRedirect(self.list_url())
        before, after = rules()[state], by_settings() if state == OTHERS else rules()[OTHERS]
        if request.method == "POST":
            drop_rule(state)
            self.log_change(request, row, words.message(before, after))
            text = _("The rule is gone. From now on such runs are kept %s.") % words.runs_kept(after, state)
            self.message_user(request, text, messages.SUCCESS)
            return HttpResponseRedirect(self.list_url())
        context = {
            **self.frame(request, _("Drop the rule for: %s?") % words.name_of(state)),
            "before": self._row(request, state, before),
            "after": self._row(request, state, after),
            "to_settings": state == OTHERS,
        }
        return TemplateResponse(request, "admin/scheduler/retentionrule/drop.html", context)

    def _row(self, request: HttpRequest, state: str, rule: Rule) -> dict[str, Any]:
        word = state or OTHERS_PATH
        may_drop = rule.is_own and self.may(request, "delete_retentionrule")
        return {
            "badge": badge(state) if state else "",
            "name": words.name_of(state),
            "runs": words.runs_kept(rule, state),
            "logs": words.logs_kept(rule),
            "is_own": rule.is_own,
            "set_url": self.url_of(word, "set") if self.may(request, "change_retentionrule") else "",
            "drop_url": self.url_of(word, "drop") if may_drop else "",
        }


def _state_of(word: str) -> str:
    """Return the state that stands in an address, in `retention`'s own words."""
    if word != OTHERS_PATH and word not in TERMINAL:
        raise Http404
    return OTHERS if word == OTHERS_PATH else word
