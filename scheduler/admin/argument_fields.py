"""A form for the arguments of a task, made from its signature, with the same as JSON beside it; web process.

    form = ArgumentForm("tasks.send_mail", stored_args, stored_kwargs, data=request.POST)
    if form.is_valid():
        run_job(job_id, args=form.args, kwargs=form.kwargs)

Templates include `admin/scheduler/arguments.html` with it as `arguments`, and with the address of a view that answers
`form.switched()` in the same template as `arguments_url`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms.boundfield import BoundField
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ..arguments import check_arguments
from ..exceptions import InvalidInput
from ..secrets import MASK, mask_arguments
from ..signatures import parameter_names
from .argument_field import ArgumentField
from .argument_secrets import restored, restored_unnamed
from .argument_values import Unfit, gather, spread
from .task_signature import ABSENT, signature_of
from .text import sentence
from .typed_values import json_text, read_json

CODE = {"rows": 3, "class": "sched-grow sched-code", "spellcheck": "false"}


class ArgumentForm(forms.Form):
    """The arguments of one task, as fields or as JSON.

    A field that is left as it was shown keeps what is stored, to the letter: also a secret, which is shown masked, and
    a default, which is not stored at all.

    :param task: its name
    :param args: what is stored, or proposed, as positional arguments
    :param kwargs: the same for keyword arguments
    :param data: what a browser sent
    :param prefix: of the names of the inputs
    :param typed: what the inputs hold at first in place of `args` and `kwargs`, by the names of the form's fields
    """

    as_json = forms.BooleanField(required=False, label=gettext_lazy("Take the arguments from this JSON"))
    was_json = forms.BooleanField(required=False, widget=forms.HiddenInput)
    args_json = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(CODE), label=gettext_lazy("Positional arguments (a list)")
    )
    kwargs_json = forms.CharField(
        required=False, strip=False, widget=forms.Textarea(CODE), label=gettext_lazy("Keyword arguments (an object)")
    )

    def __init__(
        self,
        task: str,
        args: list[Any] | None = None,
        kwargs: dict[str, Any] | None = None,
        *,
        data: Mapping[str, Any] | None = None,
        prefix: str = "arguments",
        typed: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(data, prefix=prefix, initial=dict(typed or {}))
        self.task, self.signature = task, signature_of(task)
        self.args: list[Any] = [] if args is None else args
        self.kwargs: dict[str, Any] = {} if kwargs is None else kwargs
        self._stored = self.args, self.kwargs
        self.parameters = self.signature.parameters or []
        given = spread(self.parameters, self.args, self.kwargs)
        for each in self.parameters:
            self.fields[f"value_{each.name}"] = ArgumentField(each, (given or {}).get(each.name, ABSENT))
        sayable = self.knows_fields and given is not None and self._can_show(given)
        self.fields["as_json"].initial = self.fields["was_json"].initial = not sayable
        shown_args, shown_kwargs = mask_arguments(self.task, self.args, self.kwargs)
        self.fields["args_json"].initial = json_text(shown_args, 2)
        self.fields["kwargs_json"].initial = json_text(shown_kwargs, 2)

    @property
    def knows_fields(self) -> bool:
        """Whether the signature is known, so that there are fields and a choice between them and JSON."""
        return self.signature.parameters is not None

    @property
    def by_json(self) -> bool:
        """Whether the JSON counts, and not the fields."""
        return not self.knows_fields or bool(self["as_json"].value())

    @property
    def values(self) -> list[BoundField]:
        """The fields of the parameters, in their order."""
        return [self[f"value_{each.name}"] for each in self.parameters]

    def _field(self, name: str) -> ArgumentField:
        found = self.fields[f"value_{name}"]
        assert isinstance(found, ArgumentField)
        return found

    def _can_show(self, given: Mapping[str, Any]) -> bool:
        return all(self._field(name).can_show(value) for name, value in given.items())

    # -- what was sent -------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        self._read_json() if self.by_json else self._read_fields(complete=True)
        if not self.errors:
            try:
                self.args, self.kwargs = check_arguments(self.task, self.args, self.kwargs)
            except InvalidInput as error:
                place = f"{error.field}_json" if self.by_json and f"{error.field}_json" in self.fields else None
                self.add_error(place, sentence(error))
        return self.cleaned_data

    def _read_fields(self, *, complete: bool) -> None:
        """Set `args` and `kwargs` to what the fields say; note what is wrong with them.

        :param complete: whether an argument that the task needs may not be missing
        """
        values: dict[str, Any] = {}
        for each in self.parameters:
            try:
                value = self._field(each.name).read(self[f"value_{each.name}"].data)
            except forms.ValidationError as error:
                if complete or error.code != "required":
                    self.add_error(f"value_{each.name}", error)
                continue
            if value is not ABSENT:
                values[each.name] = value
        if not self.errors:
            try:
                self.args, self.kwargs = gather(self.parameters, values, len(self._stored[0]))
            except Unfit as error:
                self.add_error(f"value_{error.name}", _("It %s.") % error.problem)

    def _read_json(self) -> None:
        """Set `args` and `kwargs` to what the JSON says; note what is wrong with it."""
        stored_args, stored_kwargs = self._stored
        args = self._json_of("args_json", list, stored_args, _('It is not a list: write one such as ["a", 1].'))
        kwargs = self._json_of("kwargs_json", dict, stored_kwargs, _('It is not an object: write {"days": 7}.'))
        if not self.errors:
            self.args, self.kwargs = args, kwargs

    def _json_of(self, name: str, kind: type, stored: Any, otherwise: str) -> Any:
        text = self[name].data or ""
        try:
            value = read_json(text) if text.strip() else kind()
            if not isinstance(value, kind):
                self.add_error(name, otherwise)
                return kind()
            if isinstance(value, list):
                return self._restored_args(value, stored)
            return restored(value, stored)
        except InvalidInput as error:
            self.add_error(name, sentence(error))
        except ValueError as error:
            self.add_error(name, _("It %s.") % error)
        return kind()

    def _restored_args(self, args: list[Any], stored: list[Any]) -> list[Any]:
        names = parameter_names(self.task, len(args))
        kept = [*stored, *[ABSENT] * len(args)]
        unnamed = kept if len(args) == len(stored) else [ABSENT] * len(args)  # else nobody knows which is which
        return [
            restored(arg, was, name) if name else restored_unnamed(arg, same)
            for arg, was, same, name in zip(args, kept, unnamed, names, strict=False)
        ]

    # -- from fields to JSON and back ----------------------------------------------------------------------------------

    def switched(self) -> ArgumentForm:
        """Return the form as it goes on after somebody changed the task, or between fields and JSON.

        Nothing that was typed is lost: what can't be taken over stays where it is, with the reason.
        """
        typed = {name: self[name].data for name in self.fields}
        by_json, was_json = self.by_json, self["was_json"].data in ("True", "on")
        self._errors = forms.utils.ErrorDict()
        self.cleaned_data = {}
        if by_json and not was_json:
            self._read_fields(complete=False)
            args, kwargs = mask_arguments(self.task, self.args, self.kwargs)
            typed |= {"args_json": json_text(args, 2), "kwargs_json": json_text(kwargs, 2)}
        elif was_json and not by_json:
            self._read_json()
            typed |= self._fields_from_json()
        elif by_json and self.knows_fields and _is_empty(typed["args_json"]) and _is_empty(typed["kwargs_json"]):
            by_json = typed["as_json"] = False  # from a task of which only the name was known, to one with fields
        if self.errors:
            self.data = {**{self.add_prefix(name): value for name, value in typed.items()},
                         self.add_prefix("as_json"): "on" if was_json else ""}  # fmt: skip
            return self
        for each in self.parameters:
            field = self._field(each.name)
            if typed[f"value_{each.name}"] == MASK and field.initial != MASK:
                typed[f"value_{each.name}"] = field.initial
        typed = {name: value for name, value in typed.items() if value is not None}
        typed["was_json"] = by_json
        return ArgumentForm(self.task, *self._stored, prefix=self.prefix or "", typed=typed)

    def _fields_from_json(self) -> dict[str, Any]:
        """Return what the fields show for the JSON; where they can't, note why."""
        given = None if self.errors else spread(self.parameters, self.args, self.kwargs)
        if given is None:
            if not self.errors:
                self.add_error("as_json", _("The fields can't say this: it doesn't fit the task's parameters."))
            return {}
        for name, value in given.items():
            if not self._field(name).can_show(value):
                self.add_error("as_json", _("The fields can't say this: “%s” is of another type.") % name)
        shown = {each.name: self._field(each.name).shown(given.get(each.name, ABSENT)) for each in self.parameters}
        return {f"value_{name}": value for name, value in shown.items()}


def _is_empty(text: str | None) -> bool:
    return (text or "").strip() in ("", "[]", "{}")
