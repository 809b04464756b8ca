"""The tags of jobs, which lie in a JSON list: which there are, and the jobs that have one; web process."""

from __future__ import annotations

from django.db import connections
from django.db.models import BooleanField, QuerySet
from django.db.models.expressions import RawSQL

from ..models import ScheduledTask

TABLE = ScheduledTask._meta.db_table
MOST = 200
ALL = {
    "postgresql": f"SELECT DISTINCT tag FROM (SELECT DISTINCT tags FROM {TABLE}) AS lists, jsonb_array_elements_text("
    "CASE jsonb_typeof(tags) WHEN 'array' THEN tags ELSE '[]' END) AS tag LIMIT %s",
    "sqlite": f"SELECT DISTINCT tag.value FROM {TABLE}, json_each(tags) AS tag"
    " WHERE json_type(tags) = 'array' LIMIT %s",
}
HAS_ONE = f"EXISTS (SELECT 1 FROM json_each({TABLE}.tags) WHERE value = %s)"


def all_tags() -> list[str]:
    """Return the tags that jobs have, in alphabetical order; `MOST` of them where there are more."""
    connection = connections[ScheduledTask.objects.db]
    with connection.cursor() as cursor:
        cursor.execute(ALL[connection.vendor], [MOST])
        return sorted(str(tag) for (tag,) in cursor.fetchall())


def tagged(jobs: QuerySet[ScheduledTask], tag: str) -> QuerySet[ScheduledTask]:
    """Return those of `jobs` that have a tag."""
    if connections[jobs.db].vendor == "postgresql":
        return jobs.filter(tags__contains=[tag])
    return jobs.filter(RawSQL(HAS_ONE, [tag], output_field=BooleanField()))
