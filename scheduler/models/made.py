"""Makes models' objects of whole rows, where thousands are made at once; engine and whoever runs a job by hand.

`Model.__init__` takes 10 to 20 µs: it goes through all fields, their defaults and two signals. What is made here has
its values put into its `__dict__`, which is how Django itself makes an object that was pickled.
"""

from __future__ import annotations

from typing import Any, TypeVar

from django.db.models import Model
from django.db.models.base import ModelState

M = TypeVar("M", bound=Model)


def made(model: type[M], values: dict[str, Any], *, stored_in: str | None = None) -> M:
    """Return an object with these values, as the model's own `__init__` or `from_db` would.

    :param values: by attribute name (`execution_id`), already as Python's; of an object that is stored, those that
        are left out are deferred, as with `QuerySet.defer`. The object takes the dict for its own.
    :param stored_in: the alias of the database that the values are from; without one the object is new
    """
    new, state = model.__new__(model), ModelState()
    if stored_in is not None:
        state.db, state.adding = stored_in, False
    values["_state"] = state
    new.__dict__ = values
    return new
