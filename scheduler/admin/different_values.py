"""The different values of an indexed column, found by leaping along its index from each to the next; web process."""

from __future__ import annotations

from django.db import connections
from django.db.models import Model

LEAPS = """
WITH RECURSIVE leap(value) AS (
    SELECT MIN({column}) FROM {table}
    UNION ALL
    SELECT (SELECT MIN({column}) FROM {table} WHERE {column} > leap.value) FROM leap WHERE leap.value IS NOT NULL
)
SELECT value FROM leap WHERE value IS NOT NULL LIMIT %s
"""


def different_values(model: type[Model], field: str, most: int) -> list[str]:
    """Return the values that a column holds, in order, at most `most` of them.

    It looks at one index entry for each value, and not at every row as DISTINCT does.

    :param field: of text, and the first of an index
    """
    connection = connections[model._default_manager.db]
    quote = connection.ops.quote_name
    column = str(model._meta.get_field(field).column)  # type: ignore[union-attr]
    with connection.cursor() as cursor:
        cursor.execute(LEAPS.format(table=quote(model._meta.db_table), column=quote(column)), [most])
        return [value for (value,) in cursor.fetchall()]
