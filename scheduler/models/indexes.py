"""An index that any database can make, and reads more from where it can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.backends.ddl_references import Statement


class CoveringIndex(models.Index):
    """An index with columns beside its key, which PostgreSQL then need not read from the table.

    Django's own `include` warns at each command where the database has no such index (models.W040, on SQLite).

    :param covers: names of the fields
    """

    def __init__(self, *, covers: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.covers = tuple(covers)

    def deconstruct(self) -> Any:
        """Return what a migration writes."""
        path, arguments, options = super().deconstruct()
        return path, arguments, {**options, "covers": self.covers}

    def create_sql(
        self, model: type[models.Model], schema_editor: BaseDatabaseSchemaEditor, using: str = "", **options: Any
    ) -> Statement:
        """Return the statement that makes it, on a database that has no such index without the further columns."""
        plain = models.Index(fields=self.fields, name=self.name, include=self.covers)
        return plain.create_sql(model, schema_editor, using, **options)
